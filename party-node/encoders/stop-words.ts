/**
 * Words too common to tell passages apart, left out of the lexical encoding: the 33 words of Lucene's EnglishAnalyzer.
 * Part of the encoder's fingerprint: a change is a new algorithm version.
 */
export const STOP_WORDS: ReadonlySet<string> = new Set(
  (
    "a an and are as at be but by for if in into is it no not of on or such that the their then there these they this to " +
    "was will with"
  ).split(" "),
);
