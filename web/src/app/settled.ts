let resolve: () => void = () => undefined;

/** Kept once the first page stands: what can be seen without is loaded only then. */
export const settled = new Promise<void>((done) => {
  resolve = done;
});

/** The page stands, or somebody wants what has waited for it. */
export const settle = (): void => resolve();
