import { useDatabase } from './testing/database.ts';

const db = useDatabase();

test('the server login owns nothing and may create nothing', async () => {
  await expect(db.server.query('create table public.t ()')).rejects.toMatchObject({ code: '42501' });
  await expect(db.server.query('create schema s')).rejects.toMatchObject({ code: '42501' });
});
