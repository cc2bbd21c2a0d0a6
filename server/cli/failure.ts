interface Explained {
  message: string;
  code?: string;
  hint?: string;
  port?: number;
  address?: string;
  errors?: Explained[];
}

/** What a person at a terminal needs of an error: one sentence, and what to do where something can be done. */
export function explain(error: unknown): string {
  const { message, hint } = describe(error as Explained);
  const sentence = message === '' ? 'The command failed.' : /[.!?]$/.test(message) ? message : `${message}.`;
  return hint ? `${sentence}\n${hint}\n` : `${sentence}\n`;
}

function describe(error: Explained): { message: string; hint?: string | undefined } {
  switch (error.code) {
    case 'ECONNREFUSED': {
      const { address, port } = error.errors?.[0] ?? error;
      return {
        message: `No PostgreSQL answers at ${address}:${port}.`,
        hint: 'Start the server, or check the address in DATABASE_URL.',
      };
    }
    case 'ENOTFOUND':
      return { message: `${error.message}.`, hint: 'Check the host name in DATABASE_URL.' };
    case '28P01':
    case '28000':
      return { message: error.message, hint: 'Check the user and password in DATABASE_URL.' };
    case '3D000':
      return { message: error.message, hint: 'Create the database first: create database NAME;' };
    case '55P03':
      return {
        message: 'Somebody is using a table that has to be changed.',
        hint: 'Nothing was changed. Try again in a moment.',
      };
    case '42501':
      return { message: error.message, hint: error.hint ?? 'Connect as an administrator of the database.' };
    default:
      return { message: error.message ?? String(error), hint: error.hint };
  }
}
