export {
  type Budget,
  type FailedQuestion,
  type Receipt,
  type ReceiptOptions,
  type Recipient,
  makeReceipt,
} from "./receipt.ts";
export type { Sight } from "./sight.ts";
