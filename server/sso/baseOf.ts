import type { Request } from 'express';
import type { AccountsConfig } from '../../db/config.ts';

/** Where people reach us, for addresses that others check against what they know of us. */
export const baseOf = ({ publicUrl }: AccountsConfig, request: Request): string =>
  publicUrl ?? `${request.protocol}://${request.get('host')}`;
