/** The database knows a file whose content the store does not have, as after a restore of one without the other. */
export class ContentMissing extends Error {}
