/** An error as RFC 7644 section 3.12 wants it told. */
export class ScimError extends Error {
  readonly status: number;
  /** A word of the standard for what is wrong, where it has one. */
  readonly scimType: string | undefined;

  constructor(status: number, detail: string, scimType?: string) {
    super(detail);
    this.status = status;
    this.scimType = scimType;
  }

  toJSON() {
    return {
      schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'],
      status: String(this.status),
      ...(this.scimType === undefined ? {} : { scimType: this.scimType }),
      detail: this.message,
    };
  }
}
