import type { Request } from 'express';
import type { AccountsConfig } from '../../db/config.ts';
import { originOf } from '../http/origin.ts';

/** Where people reach us, for addresses that others check against what they know of us. */
export const baseOf = ({ publicUrl }: AccountsConfig, request: Request): string => originOf(request, publicUrl);
