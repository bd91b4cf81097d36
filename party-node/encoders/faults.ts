import { Fault } from "../../crypto/fault.ts";

/**
 * - WRONG_DIM, NOT_FINITE, OUT_OF_RANGE: a vector breaks its encoder's promises.
 * - UNKNOWN_SPEC, BAD_OPTION: an encoder spec that cannot be read.
 * - MODEL_MISSING, BAD_MODEL: model files that are absent, or do not fit together.
 * - ONNX_MISSING: what runs models is not installed.
 * - DEVICE_UNAVAILABLE: the device asked for, or every device, failed.
 * - BAD_STATISTICS: stored corpus statistics of another version or encoder.
 */
export type EncoderFaultCode =
  | "WRONG_DIM"
  | "NOT_FINITE"
  | "OUT_OF_RANGE"
  | "UNKNOWN_SPEC"
  | "BAD_OPTION"
  | "MODEL_MISSING"
  | "BAD_MODEL"
  | "ONNX_MISSING"
  | "DEVICE_UNAVAILABLE"
  | "BAD_STATISTICS";

export function encoderFault(code: EncoderFaultCode, message: string, cause?: unknown): Fault {
  return new Fault(code, message, cause);
}
