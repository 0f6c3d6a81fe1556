/** Receipts: verified offline with the chain id alone; see protocol/receipt.ts. */
export {
  RECEIPT_FORMAT,
  type Receipt,
  type ReceiptFault,
  type ReceiptFile,
  type ReceiptVerdict,
  verifyReceipt,
} from '../protocol/receipt.ts';
