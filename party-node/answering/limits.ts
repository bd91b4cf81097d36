/** What an answer may take, all in one table. */
export const answerLimits = {
  /** Characters of all passages in one prompt: about 3,000 tokens, which leaves a model of 4,096 a quarter for its answer. */
  promptCharsDefault: 12_000,
  promptCharsMin: 200,
  promptCharsMax: 1_000_000,
  /** No passage is cut to fewer characters: the last are left out instead. */
  passageCharsMin: 200,
  /** Until a connection to an endpoint is there, when it is tried before the question is asked. */
  connectMsMax: 10_000,
  answerMsDefault: 180_000,
  answerMsMax: 3_600_000,
  /** Characters of an answer; a model that goes on is stuck in a loop. */
  answerCharsMax: 32_768,
  /** Places in one sentence whose citations are checked. */
  citedPlacesMax: 32,
  /** Citations of one answer that are checked, a number at a place each. */
  citationsMax: 256,
  /** Bytes of a response, with what wraps each piece of the answer and whatever a model thinks aloud. */
  responseBytesMax: 16 * 1024 * 1024,
  /** Characters of one event of a stream, or of a whole response that is not streamed. */
  eventCharsMax: 1024 * 1024,
  /** Characters of an endpoint's key. */
  apiKeyCharsMax: 4096,
  /** Bytes of the file of agreements. */
  agreementsBytesMax: 256 * 1024,
} as const;
