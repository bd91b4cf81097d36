/** An encoder without the folder it lies in: reports are passed on. */
export function encoderName(spec: string): string {
  return spec.replaceAll(
    /onnx:([^,()*]+)/g,
    (_, path: string) => `onnx:${path.split(/[\\/]/).findLast(Boolean) ?? ""}`,
  );
}
