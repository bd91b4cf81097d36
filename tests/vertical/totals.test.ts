import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { MODULUS, readResidues, residueBytes, sodium, totalBounds } from "../../crypto/index.ts";
import type { SottoClient } from "../../party-node/asking/client.ts";
import type { PartyFault, PartyOutcome } from "../../party-node/asking/result.ts";
import { ShareMaker, claimAlignment, makeAlignment } from "../../party-node/vertical/index.ts";
import { type HopMessage, openSigned, seal, shareBody } from "../../protocol/index.ts";
import { corpus } from "../federation/corpora.ts";
import { type Lies, lyingParty } from "../federation/lying-party.ts";
import { type Corpus, TestFederation, until } from "../support/federation.ts";

const QUESTION = "what does anybody say of mnop";
const ENTITIES = 70;

/** What a party holds of the entities e0, e1, ...; some of them it does not have. */
function featuresOf(name: string, lacking: number): Corpus {
  const texts = Object.values(corpus(name, ENTITIES));
  return Object.fromEntries(texts.flatMap((text, i) => (i % lacking === lacking - 1 ? [] : [[`e${String(i)}`, text]])));
}

const features: Readonly<Record<string, Corpus>> = {
  titles: featuresOf("titles", 7),
  texts: { ...featuresOf("texts", 11), elsewhere: "not an entity that all have" },
  tables: featuresOf("tables", 1000),
};
/** One id that nobody has anything for, in the last block, which is not full. */
const alignment = [...Array.from({ length: ENTITIES }, (_, i) => `e${String((i * 29) % ENTITIES)}`), "nobody"];

let f: TestFederation;
let client: SottoClient;
beforeAll(async () => {
  f = await TestFederation.start({ corpora: features, alignment });
  client = await f.client();
});
afterAll(async () => {
  await f[Symbol.asyncDispose]();
});

/** Sum of the parties' inner products of every entity that all parties have, best first. */
async function centralised(question: string): Promise<{ id: string; score: number }[]> {
  const query = await f.encoder.encodeQuery(question);
  const totals = new Map<string, number>();
  for (const party of f.parties.values())
    for (const { documentId, vector } of party.rows()) {
      const score = vector.reduce((sum, entry, i) => sum + entry * (query[i] ?? 0), 0);
      totals.set(documentId, (totals.get(documentId) ?? 0) + score);
    }
  return [...totals]
    .filter(([id]) => Object.values(features).every((own) => own[id] !== undefined))
    .map(([id, score]) => ({ id, score }))
    .sort((a, b) => b.score - a.score);
}

describe("totals of three parties", () => {
  test("rank as the sum computed in one place, with scores within the stated error", async () => {
    const { passages, parties } = await client.query(QUESTION, { k: 32 }).result;
    const expected = new Map((await centralised(QUESTION)).map(({ id, score }) => [id, score]));
    expect(expected.size).toBe(54);
    const { deviation } = totalBounds(f.layout);
    for (const { documentId, score } of passages)
      expect(Math.abs(score - (expected.get(documentId) ?? NaN))).toBeLessThan(6 * deviation);
    // What is not among the 32 best is not better than the last of them, but for the error.
    const last = passages.at(-1)?.score ?? NaN;
    const returned = new Set(passages.map(({ documentId }) => documentId));
    for (const [id, score] of expected) if (!returned.has(id)) expect(score).toBeLessThan(last + 6 * deviation);
    expect(passages).toHaveLength(32);
    expect(parties).toEqual(
      Object.entries(features)
        .map(([party, own]): PartyOutcome => ({
          party,
          status: "answered",
          attempts: 1,
          passagesAsked: 32,
          passagesScored: Object.keys(own).filter((id) => id !== "elsewhere").length,
          ms: expect.any(Number) as unknown as number,
        }))
        .sort((a, b) => (a.party < b.party ? -1 : 1)),
    );
  });

  test("are of entities that all parties have", async () => {
    const { passages } = await client.query(QUESTION, { k: 32 }).result;
    for (const { documentId } of passages)
      expect(Object.values(features).filter((own) => own[documentId] === undefined)).toEqual([]);
  });

  test("come with each party's part", async () => {
    const { passages } = await client.query(QUESTION).result;
    for (const { documentId, party, text, parts } of passages) {
      const holders = Object.keys(features)
        .filter((name) => features[name]?.[documentId] !== undefined)
        .sort();
      expect(parts).toEqual(
        holders.map((name) => ({ party: name, documentId, title: "", text: features[name]?.[documentId] })),
      );
      expect(party).toBe(holders.join("+"));
      expect(text).toBe(parts?.map((part) => part.text).join("\n\n"));
    }
  });
});

type Share = Extract<HopMessage, { type: "share" }>;

/** A share like the true one with its residues changed, signed as they are. */
const withResidues =
  (change: (residues: Uint32Array) => Uint32Array): NonNullable<Lies["reply"]> =>
  (truth) => {
    const share = truth as Share;
    const residues = residueBytes(change(readResidues(share.residues)!));
    return {
      ...share,
      residues,
      body: resigned(share, { residuesHash: sodium.crypto_generichash(32, residues, null) }),
    };
  };

/** The party's word about its share with some of it changed, well signed. */
function resigned({ body }: Share, changes: object): Uint8Array {
  const { federation } = f;
  const { value } = openSigned("share", federation.id, shareBody, body, federation.publicKeyOf);
  return seal("share", federation.id, { ...value, ...changes }, f.identity("tables"));
}

const changedAt = (residues: Uint32Array, at: number): Uint32Array =>
  residues.map((residue, i) => (i === at ? (residue + 1) % MODULUS : residue));

/** One fault, about the liar or about all. */
const lies: readonly { id: string; lies: Lies; fault: string; about: "tables" | "all" | "whoever comes second" }[] = [
  {
    id: "changes one score by one unit",
    lies: { reply: withResidues((r) => changedAt(r, 5)) },
    fault: "TOTAL_ALTERED",
    about: "all",
  },
  {
    id: "changes a check",
    lies: { reply: withResidues((r) => changedAt(r, r.length - 1)) },
    fault: "TOTAL_ALTERED",
    about: "all",
  },
  {
    id: "sends noise",
    lies: { reply: withResidues((r) => r.map(() => sodium.randombytes_uniform(MODULUS))) },
    fault: "TOTAL_ALTERED",
    about: "all",
  },
  {
    id: "sends a residue above the modulus",
    lies: { reply: withResidues((r) => r.map(() => MODULUS)) },
    fault: "SHARE_MALFORMED",
    about: "tables",
  },
  {
    id: "sends a share without checks",
    lies: { reply: withResidues((r) => r.slice(0, -1)) },
    fault: "SHARE_MALFORMED",
    about: "tables",
  },
  {
    id: "sends nothing but its word",
    lies: { reply: withResidues(() => new Uint32Array(0)) },
    fault: "SHARE_MALFORMED",
    about: "tables",
  },
  {
    id: "sends a block more",
    lies: { reply: withResidues((r) => Uint32Array.from({ length: r.length + 32 })) },
    fault: "ALIGNMENT_MISMATCH",
    about: "whoever comes second",
  },
  {
    id: "signs another share than it sends",
    lies: {
      reply: (truth) => ({ ...(truth as Share), body: resigned(truth as Share, { residuesHash: new Uint8Array(32) }) }),
    },
    fault: "SHARE_MALFORMED",
    about: "tables",
  },
  {
    id: "answers another question",
    lies: {
      reply: (truth) => ({ ...(truth as Share), body: resigned(truth as Share, { queryHash: new Uint8Array(32) }) }),
    },
    fault: "SHARE_MALFORMED",
    about: "tables",
  },
  {
    id: "does not sign",
    lies: {
      reply: (truth) => ({
        ...(truth as Share),
        body: (truth as Share).body.map((byte, i, all) => (i === all.length - 1 ? byte ^ 1 : byte)),
      }),
    },
    fault: "SIGNATURE_INVALID",
    about: "tables",
  },
  {
    id: "seals to somebody else",
    lies: {
      reply: (truth) => ({ ...(truth as Share), body: resigned(truth as Share, { sealed: new Uint8Array(200) }) }),
    },
    fault: "SHARE_MALFORMED",
    about: "tables",
  },
  {
    id: "adds scores that no vectors give",
    lies: { scores: ({ blocks, scores }) => ({ blocks, scores: sodium.randombytes_buf(scores.length) }) },
    fault: "TOTAL_IMPLAUSIBLE",
    about: "all",
  },
  {
    id: "names versions that it does not describe",
    lies: {
      scores: ({ blocks, scores }) => ({
        scores,
        blocks: blocks.map(({ block }) => ({ block, version: "ab".repeat(16) })),
      }),
    },
    fault: "ANSWER_MALFORMED",
    about: "tables",
  },
];

describe("a party that", () => {
  let now: Lies = {};
  let leave: () => Promise<void>;
  beforeAll(async () => {
    await f.party("tables").stop();
    leave = await lyingParty(f, "tables", {
      reply: (...truth) => (now.reply ?? ((reply) => reply))(...truth),
      scores: (truth) => (now.scores ?? ((scores) => scores))(truth),
      takes: (count) => now.takes?.(count) ?? true,
    });
  });
  afterAll(() => leave());

  const ask = async (lie: Lies, deadlineMs = 30_000): Promise<ReadonlyMap<string, PartyFault | undefined>> => {
    now = lie;
    const { passages, parties } = await client.query(QUESTION, { deadlineMs }).result;
    expect(passages).toEqual([]);
    expect(parties.map(({ status }) => status)).toEqual(["missing", "missing", "missing"]);
    return new Map(parties.map(({ party, fault }) => [party, fault]));
  };

  test.each(lies)("$id", async ({ lies: told, fault, about }) => {
    const faults = await ask(told);
    for (const [party, why] of faults) {
      if (about !== "whoever comes second")
        expect(why?.code).toBe(about === "all" || party === about ? fault : "TOTAL_INCOMPLETE");
      expect(why?.reason).toMatch(/./);
    }
    expect([...faults.values()].map((why) => why?.code)).toContain(fault);
  });

  test("refuses ends the query with its reason", async () => {
    const reason = "too many queries are waiting";
    const faults = await ask({
      reply: (_truth, { queryId }) => ({
        type: "refusal",
        queryId,
        party: "tables",
        code: "BUSY",
        reason,
        retryAfterMs: 7,
      }),
    });
    expect(faults.get("tables")).toEqual({ code: "BUSY", reason, retryAfterMs: 7 });
  });

  test("says nothing runs into the deadline", async () => {
    expect((await ask({ reply: () => null }, 400)).get("tables")?.code).toBe("DEADLINE_EXCEEDED");
  });

  test("answers and then says no more runs into it too, and can be waited for no longer", async () => {
    const stalls: Lies = {
      takes: () => false,
      scores: ({ blocks, scores }) => ({
        scores,
        blocks: blocks.map(({ block }) => ({ block, version: "cd".repeat(16) })),
      }),
    };
    expect((await ask(stalls, 400)).get("tables")?.code).toBe("DEADLINE_EXCEEDED");
    const signal = AbortSignal.timeout(300);
    await expect(client.query(QUESTION, { signal }).result).rejects.toMatchObject({ code: "ABORTED" });
  }, 10_000);

  test("sends an answer, as in a horizontal federation, is expelled; without it nobody is asked", async () => {
    const answer = ({ queryId, body }: Share): HopMessage => ({ type: "answer", queryId, party: "tables", body });
    const expelled = await ask({ reply: (truth) => answer(truth as Share) });
    expect(expelled.get("tables")?.code).toBe("PARTY_OFFLINE");
    await until(() => !client.online.includes("tables"));
    expect(Object.fromEntries([...(await ask({}))].map(([party, fault]) => [party, fault?.code]))).toEqual({
      tables: "PARTY_OFFLINE",
      texts: "TOTAL_INCOMPLETE",
      titles: "TOTAL_INCOMPLETE",
    });
  });
});

describe("a party", () => {
  test("that ingests by another alignment refuses until it is started again, and then does not match", async () => {
    const party = f.party("titles");
    const store = party.openStore();
    const other = makeAlignment([...alignment].reverse());
    await f.party("tables").start();
    const codes = async (): Promise<unknown> =>
      Object.fromEntries(
        (await client.query(QUESTION).result).parties.map(({ party: name, fault }) => [name, fault?.code]),
      );
    claimAlignment(store, other);
    store.close();
    expect(await codes()).toMatchObject({ titles: "ALIGNMENT_CHANGED" });
    await party.stop();
    await party.start();
    expect(await codes()).toEqual({
      tables: "ALIGNMENT_MISMATCH",
      texts: "ALIGNMENT_MISMATCH",
      titles: "ALIGNMENT_MISMATCH",
    });
    await party.stop();
    await party.ingest(features["titles"] ?? {});
    await party.start();
    expect((await client.query(QUESTION).result).passages).toHaveLength(5);
  });

  test("that had no alignment when it was started refuses, whatever it has ingested since", async () => {
    const party = f.party("titles");
    const store = party.openStore();
    let held: Uint8Array | null = null;
    const readValue = (): Uint8Array | null => held;
    const maker = new ShareMaker({ identity: party.identity, federation: f.federation, store: { readValue } });
    held = store.readValue("alignment");
    store.close();
    const query = { queryId: new Uint8Array(16), queryHash: new Uint8Array(32), answerKey: new Uint8Array(32) };
    expect(() =>
      maker.make({ ...query, checkKeys: new Uint8Array(240) }, { blocks: [], scores: new Uint8Array(0) }, () => null),
    ).toThrow(expect.objectContaining({ code: "NOT_ALIGNED" }));
  });

  test("of a horizontal federation refuses a query that was made for a vertical one", async () => {
    await using flat = await TestFederation.start({ corpora: { clinic: { a: "one text" } } });
    const member = await flat.dial("asker");
    const [queryId, checkKeys] = [sodium.randombytes_buf(16), new Uint8Array(80)];
    const query = {
      queryId,
      issuedAtMs: Date.now(),
      answerKey: new Uint8Array(32).fill(9),
      query: new Uint8Array(9),
      checkKeys,
    };
    const body = seal("query", flat.federation.id, query, flat.identity("asker"));
    member.connection.send({ type: "query", queryId, deadlineMs: 9000, parties: ["clinic"], body });
    expect(await member.message("refusal")).toMatchObject({ party: "clinic", code: "QUERY_MALFORMED" });
  });
});
