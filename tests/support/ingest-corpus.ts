export { type Corpus, ingestCorpus } from "../../simulations/federation/ingest-corpus.ts";
