/**
 * Loaded into each of Jest's processes, which otherwise finish their test file after Jest was killed. Not by listening for the
 * end of the channel to the parent: a listener keeps the process, and Jest has to kill what it has asked to end.
 */
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) process.exit(1);
}, 500).unref();
