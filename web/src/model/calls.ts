import { gql } from 'urql';
import { requestMetadata } from '../api/client.ts';

/**
 * Functions of schema metadata, called by name. Those that only read are queries with their arguments in place; those that
 * may write, or try a write and take it back, are mutations whose payload carries the answer as `result`.
 */

export interface Arguments {
  [name: string]: unknown;
}

/** The GraphQL types of arguments, for the functions that are queries. */
export interface Signature {
  [name: string]:
    'UUID!' | 'UUID' | 'String!' | 'String' | 'Int' | 'BigInt' | 'JSON' | 'JSON!' | 'Boolean' | '[String]';
}

export const parsed = <Result>(value: Result | string): Result =>
  typeof value === 'string' ? (JSON.parse(value) as Result) : value;

export async function ask<Result>(name: string, signature: Signature = {}, values: Arguments = {}): Promise<Result> {
  const names = Object.keys(signature);
  const head = names.length > 0 ? `(${names.map((each) => `$${each}: ${signature[each]}`).join(', ')})` : '';
  const call = names.length > 0 ? `(${names.map((each) => `${each}: $${each}`).join(', ')})` : '';
  const document = gql<{ answer: Result | string }, Arguments>(`query Ask${head} { answer: ${name}${call} }`);
  const { answer } = await requestMetadata(document, values);
  return parsed(answer);
}

export async function perform<Result>(name: string, input: Arguments): Promise<Result> {
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input`;
  const document = gql<{ payload: { result: Result | string } }, { input: Arguments }>(
    `mutation Perform($input: ${type}!) { payload: ${name}(input: $input) { result } }`,
  );
  const { payload } = await requestMetadata(document, { input });
  return parsed(payload.result);
}

/** For functions whose answer nobody reads, whatever its type. */
export async function run(name: string, input: Arguments): Promise<void> {
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input`;
  const document = gql<unknown, { input: Arguments }>(
    `mutation Run($input: ${type}!) { payload: ${name}(input: $input) { clientMutationId } }`,
  );
  await requestMetadata(document, { input });
}
