/** The learning rate of the epoch that follows `epochsDone`. */
export function rateAfter(
  epochsDone: number,
  {
    learningRate,
    stepEpochs,
    stepFactor,
  }: { readonly learningRate: number; readonly stepEpochs: number; readonly stepFactor: number },
): number {
  return learningRate * stepFactor ** Math.floor(epochsDone / stepEpochs);
}
