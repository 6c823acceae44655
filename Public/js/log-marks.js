// Which endpoint reads which log: words that such texts have. A guess of where to ask first, no reading of the log.

export const FAULTS = '/v1/fault-explanations';
export const MAPS = '/v1/map-failures';
export const TRACES = '/v1/replays';

/** [endpoint, words of such texts], most telling first. */
export const LOG_MARKS = [
  [FAULTS, /arm-smmu|smmu:|context fault|mc-err/i],
  [MAPS, /vfio|iommufd|IOMMU_IOAS|DMA (re)?mapping|RLIMIT_MEMLOCK|1:1 IOMMU mapping|would overlap/i],
  [TRACES, /IOMMU: (dev=\S+ )?iova=|^# tracer:/m],
];

/** Endpoints whose words are in the text, most likely first; a trace is nothing else as well. */
export function likely(text) {
  const found = LOG_MARKS.filter(([, mark]) => mark.test(text)).map(([path]) => path);
  if (found.includes(TRACES)) return [TRACES];
  return found.length ? found : [FAULTS];
}

/** The endpoint that a refusal names instead. */
export const namedEndpoint = (problem) =>
  LOG_MARKS.map(([path]) => path).find((path) => problem.detail?.includes(`POST them to ${path}.`));
