/** Words that hold sentences together, of languages that are written in Latin letters; no sentence goes on for long without one or a punctuation mark. */
const FUNCTION_WORDS = new Set(
  [
    "a about after all also an and any are as at be been before being between both but by can could did do does during each for from had has have he her his how i if in into is it its may more most no not of on or other our out over she should so some such than that the their them then there these they this those through to under up was we were what when where which while who will with would you your",
    "der die das den dem des ein eine einen einem einer eines und oder aber nicht ist sind war wird werden wurde hat haben von zu zum zur mit auf für im in am an bei nach aus über unter durch auch als wie dass sich es er sie wir",
    "le la les un une des du de et ou mais ne pas est sont était a ont au aux en dans sur pour par avec sans ce cette ces qui que dont il elle ils nous vous se sa son leur plus comme",
    "el la los las un una unos unas y o pero no es son fue era ha han al del de en con por para sin sobre que quien se su sus como más lo",
    "il lo la i gli le un uno una e ed o ma non è sono era ha hanno al alla del della dei delle di da in nel nella con per su che chi si come più",
    "o a os as um uma e ou mas não é são foi era tem ao à do da dos das de em no na nos nas com por para sem que se seu sua como mais",
    "de het een en of maar niet is zijn was wordt werd heeft hebben van naar met op voor in aan bij uit over onder door ook als dat die dit er zich ze we",
  ].flatMap((words) => words.split(" ")),
);

const WORD_OR_MARK = /[\p{L}\p{N}][\p{L}\p{N}\p{M}'’-]*|[^\s\p{L}\p{N}]/gu;
const CONTENT_WORD = /^\p{Script=Latin}/u;

/**
 * So many words on end, with neither a function word nor a mark nor a number between them, are no sentence. Of 29,524 passages of eight public sets 45 have
 * such a stretch, most of them lists (docs/poisoning.md).
 */
const STRETCH_MAX = 14;

/**
 * Whether a text has a stretch of words that no language would put one after the other, as a search for words that an encoder likes finds them (GASLITE, Ben-Tov and
 * Sharif 2024). It knows nothing of text in other than Latin letters, and whoever writes a comma between the words gets past it: a hint, and no proof.
 */
export function isWordSalad(text: string): boolean {
  let stretch = 0;
  for (const [token] of text.toLowerCase().matchAll(WORD_OR_MARK)) {
    stretch = CONTENT_WORD.test(token) && !FUNCTION_WORDS.has(token) ? stretch + 1 : 0;
    if (stretch >= STRETCH_MAX) return true;
  }
  return false;
}
