/** Rows of an English keyboard; a key's neighbours are those beside it and, half a key to the left, those below and above. */
const KEY_ROWS = ["qwertyuiop", "asdfghjkl", "zxcvbnm"];
/** Shorter words are seldom misspelt. */
const LETTERS_MIN = 3;

type Slip = (letters: readonly string[], at: number, random: () => number) => string[];

const slips = {
  "key beside it": (letters, at, random) => replaced(letters, at, [neighbourKey(letters[at]!, random)]),
  "two letters swapped": (letters, at) => {
    const first = Math.min(at, letters.length - 2);
    return [...letters.slice(0, first), letters[first + 1]!, letters[first]!, ...letters.slice(first + 2)];
  },
  "letter left out": (letters, at) => replaced(letters, at, []),
  "letter doubled": (letters, at) => replaced(letters, at, [letters[at]!, letters[at]!]),
} satisfies Record<string, Slip>;

/** How a word is misspelt: one letter of it. */
export type Misspelling = keyof typeof slips;
export const MISSPELLINGS = Object.keys(slips) as readonly Misspelling[];

/** Misspells each word of three letters or more with this probability, by one of these slips. */
export function misspellShare(
  text: string,
  {
    share,
    random,
    kinds = MISSPELLINGS,
  }: { readonly share: number; readonly random: () => number; readonly kinds?: readonly Misspelling[] },
): string {
  return text.replace(WORD, (word) => (random() < share ? misspelt(word, random, kinds) : word));
}

/** Misspells one word; a text without a word of three letters stays. */
export function misspellOne(text: string, random: () => number): string {
  const count = text.match(WORD)?.length ?? 0;
  const chosen = Math.floor(count * random());
  let seen = 0;
  return text.replace(WORD, (word) => (seen++ === chosen ? misspelt(word, random, MISSPELLINGS) : word));
}

const WORD = new RegExp(`\\p{L}{${String(LETTERS_MIN)},}`, "gu");

function misspelt(word: string, random: () => number, kinds: readonly Misspelling[]): string {
  const letters = Array.from(word);
  const kind = kinds[Math.floor(kinds.length * random())]!;
  return slips[kind](letters, Math.floor(letters.length * random()), random).join("");
}

function replaced(letters: readonly string[], at: number, by: readonly string[]): string[] {
  return [...letters.slice(0, at), ...by, ...letters.slice(at + 1)];
}

/** A letter that is on no key of an English keyboard becomes an x. */
function neighbourKey(letter: string, random: () => number): string {
  const lower = letter.toLowerCase();
  const line = KEY_ROWS.findIndex((keys) => keys.includes(lower));
  if (line === -1) return "x";
  const at = KEY_ROWS[line]!.indexOf(lower);
  const near = [
    ...[at - 1, at + 1].map((i) => KEY_ROWS[line]![i]),
    ...[at - 1, at].map((i) => KEY_ROWS[line + 1]?.[i]),
    ...[at, at + 1].map((i) => KEY_ROWS[line - 1]?.[i]),
  ].filter((key) => key !== undefined);
  const key = near[Math.floor(near.length * random())]!;
  return letter === lower ? key : key.toUpperCase();
}
