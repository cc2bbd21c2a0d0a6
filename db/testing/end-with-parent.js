/** Loaded into each of Jest's processes, which otherwise finish their test file after Jest was killed. */
process.once('disconnect', () => process.exit(1));
