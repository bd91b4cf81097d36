/* What models are told of searching; the same wherever it is offered. */

export const SEARCH_DESCRIPTION =
  "Searches the documents of several organisations and returns the best passages with their sources. Each organisation answers a limited number of questions, so ask one that is well put rather than many.";

export const SEARCH_QUESTION = "A whole question in plain words, as one would ask a person.";
