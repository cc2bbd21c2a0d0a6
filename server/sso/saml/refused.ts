/** Why an answer of an identity provider was refused. The audit has it; whoever sent the answer is told less. */
export type SamlReason =
  | 'TOO_LARGE'
  | 'NOT_XML'
  | 'DTD'
  | 'COMMENT'
  | 'WRAPPED'
  | 'DUPLICATE_ID'
  | 'WEAK_ALGORITHM'
  | 'UNSIGNED'
  | 'WRONG_SIGNATURE'
  | 'NOT_DECRYPTED'
  | 'PROVIDER_SAID_NO'
  | 'WRONG_ISSUER'
  | 'WRONG_DESTINATION'
  | 'WRONG_RECIPIENT'
  | 'WRONG_AUDIENCE'
  | 'EXPIRED'
  | 'NOT_YET_VALID'
  | 'INVALID'
  | 'NO_NAME_ID'
  | 'UNSOLICITED'
  | 'REPLAYED';

export class SamlRefused extends Error {
  readonly reason: SamlReason;

  constructor(reason: SamlReason, message: string) {
    super(message);
    this.reason = reason;
  }
}
