import { expect, test } from "@jest/globals";
import { hostedSearchOf } from "../../party-node/outsourced/hosted-search.ts";

test.each([
  ["outsourced", 1, "approximate"],
  ["outsourced", 1.001, "approximate"], // an ONNX encoder
  ["outsourced", 2.6, "exact"], // a hybrid of both
  ["outsourced", 24, "exact"], // the lexical encoder
  ["double", 1.001, "exact"],
] as const)("a collection of mode %s whose norms go up to %p is searched in the way %s", (mode, normMax, search) => {
  expect(hostedSearchOf({ mode, encoder: { fingerprint: "any", dim: 64, normMax } })).toBe(search);
});
