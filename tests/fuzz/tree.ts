/** What {@link changeTree} draws from. */
export interface TreeMaterial {
  readonly random: () => number;
  readonly words: readonly string[];
  /** Whether byte strings can be written: in CBOR, not in JSON. */
  readonly withBytes: boolean;
}

type Branch = unknown[] | Record<string, unknown>;
interface Place {
  readonly branch: Branch;
  readonly key: string;
}

const NUMBERS = [
  0,
  -0,
  1,
  -1,
  2,
  1.5,
  255,
  65_536,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 53 - 1,
  2 ** 53,
  1e300,
  -1e-300,
];
/** Names that mean something to JavaScript, and text that means something to parsers. */
const AWKWARD = [
  "",
  "__proto__",
  "constructor",
  "toString",
  "length",
  "\0",
  "\ud800",
  "\u2028",
  "\ufeff",
  "é",
  "\u202e",
  "../../x",
  "NaN",
];

/** A copy of a value of maps, lists, texts, numbers and bytes with one place of it changed. */
export function changeTree(value: unknown, material: TreeMaterial): unknown {
  const { random } = material;
  const root: Record<string, unknown> = { value: structuredClone(value) };
  const places = placesIn(root);
  const place = places[Math.floor(random() * places.length)]!;
  const { branch, key } = place;
  const held = (branch as Record<string, unknown>)[key];
  const draw = random();
  if (branch !== root && draw < 0.12) remove(place);
  else if (branch !== root && draw < 0.2) repeat(place, material);
  else if (branch !== root && draw < 0.28) rename(place, material);
  else if (draw < 0.36) put(branch, key, otherValue(placesIn({ value: root["value"] }), random));
  else if (draw < 0.44 && isBranch(held)) grow(held, material);
  else put(branch, key, draw < 0.7 ? near(held, material) : anyValue(material));
  return root["value"];
}

/** Every text and name in a value: what an input of its kind is likely to be made of. */
export function wordsIn(value: unknown): string[] {
  return [...placesIn({ value })].flatMap(({ branch, key }) => {
    const held = (branch as Record<string, unknown>)[key];
    const name = Array.isArray(branch) ? [] : [key];
    return typeof held === "string" && held.length <= 80 ? [...name, held] : name;
  });
}

export function randomWord({ random, words }: Pick<TreeMaterial, "random" | "words">): string {
  const list = words.length > 0 && random() < 0.7 ? words : AWKWARD;
  return list[Math.floor(random() * list.length)]!;
}

/** Half a surrogate pair would be written as U+FFFD, and might make two names one. */
const randomName = (material: TreeMaterial): string => randomWord(material).toWellFormed();

const isBranch = (value: unknown): value is Branch =>
  typeof value === "object" && value !== null && !ArrayBuffer.isView(value);

function placesIn(branch: Branch): Place[] {
  const places: Place[] = [];
  const open: Branch[] = [branch];
  for (let next = open.pop(); next; next = open.pop())
    for (const key of Object.keys(next)) {
      places.push({ branch: next, key });
      const held = (next as Record<string, unknown>)[key];
      if (isBranch(held) && places.length < 5000) open.push(held);
    }
  return places;
}

/** Also for `__proto__`, which an assignment would not make a property. */
function put(branch: Branch, key: string, value: unknown): void {
  Object.defineProperty(branch, key, { value, enumerable: true, configurable: true, writable: true });
}

function remove({ branch, key }: Place): void {
  if (Array.isArray(branch)) branch.splice(Number(key), 1);
  else Reflect.deleteProperty(branch, key);
}

function repeat({ branch, key }: Place, material: TreeMaterial): void {
  const held = (branch as Record<string, unknown>)[key];
  if (!Array.isArray(branch)) put(branch, randomName(material), held);
  else {
    const times = Math.min(2 ** Math.floor(material.random() * 8), 4096 - branch.length);
    if (!isBranch(held) || times < 32) for (let i = 0; i < times; i++) branch.push(structuredClone(held));
  }
}

function rename({ branch, key }: Place, material: TreeMaterial): void {
  if (Array.isArray(branch)) {
    branch.reverse();
    return;
  }
  const held = branch[key];
  Reflect.deleteProperty(branch, key);
  put(branch, randomName(material), held);
}

function grow(branch: Branch, material: TreeMaterial): void {
  if (Array.isArray(branch)) branch.push(anyValue(material));
  else put(branch, randomName(material), anyValue(material));
}

function otherValue(places: readonly Place[], random: () => number): unknown {
  const { branch, key } = places[Math.floor(random() * places.length)]!;
  return structuredClone((branch as Record<string, unknown>)[key]);
}

/** A value of the same kind. */
function near(held: unknown, material: TreeMaterial): unknown {
  const { random } = material;
  if (typeof held === "number") return random() < 0.5 ? held + (random() < 0.5 ? 1 : -1) : numberFrom(random);
  if (typeof held === "boolean") return !held;
  if (typeof held === "string") return nearText(held, material);
  if (held instanceof Uint8Array) return nearBytes(held, random);
  return anyValue(material);
}

const numberFrom = (random: () => number): number => NUMBERS[Math.floor(random() * NUMBERS.length)]!;

function nearText(held: string, material: TreeMaterial): string {
  const { random } = material;
  const at = Math.floor(random() * (held.length + 1));
  const kind = Math.floor(random() * 5);
  if (kind === 0) return held.slice(0, at) + held.slice(at + 1);
  if (kind === 1) return held.slice(0, at) + randomWord(material) + held.slice(at);
  if (kind === 2) return held.slice(0, at) + String.fromCharCode(32 + Math.floor(random() * 96)) + held.slice(at + 1);
  if (kind === 3) return held.repeat(2 ** Math.floor(random() * 6)).slice(0, 2048);
  return held.toUpperCase() === held ? held.toLowerCase() : held.toUpperCase();
}

function nearBytes(held: Uint8Array, random: () => number): Uint8Array {
  const kind = Math.floor(random() * 4);
  const changed = kind === 0 ? held.slice(0, Math.floor(random() * (held.length + 1))) : held.slice();
  if (kind === 1) return Uint8Array.from([...changed, ...changed.subarray(0, 1 + Math.floor(random() * 32))]);
  if (kind === 2) return new Uint8Array(held.length).fill(random() < 0.5 ? 0 : 0xff);
  if (changed.length > 0) changed[Math.floor(random() * changed.length)]! ^= 1 << Math.floor(random() * 8);
  return changed;
}

function anyValue(material: TreeMaterial): unknown {
  const { random, withBytes } = material;
  switch (Math.floor(random() * (withBytes ? 8 : 7))) {
    case 0:
      return numberFrom(random);
    case 1:
      return randomWord(material);
    case 2:
      return random() < 0.5;
    case 3:
      return null;
    case 4:
      return [];
    case 5:
      return {};
    case 6:
      return nested(Math.floor(random() * 40));
    default:
      return new Uint8Array([0, 1, 16, 20, 32, 64, 80][Math.floor(random() * 7)]!);
  }
}

function nested(depth: number): unknown {
  let value: unknown = [];
  for (let i = 0; i < depth; i++) value = i % 2 ? [value] : { value };
  return value;
}
