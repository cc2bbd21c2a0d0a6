import pg from 'pg';
import type { Bench } from './bench.ts';
import { alternate, time } from './rounds.ts';

const PEOPLE = 100_000;
const ROUNDS = 3;

const FIRST =
  'Maya Jürgen Aiko Ethan Priya Álvaro Grace Björn Zoë Katharina Luis Amara Olivia Noah Ines Tomás Freya Yusuf Hanna Pavel';
const SYLLABLES =
  'ber lin mar kow ski son sen fer nan dez mül ler tan aka shi mizu pat el gar cia and ers oku ro ma ni no va';

/**
 * The reference groups the same records by the same keys, which is the least that finding equal ones takes; what is
 * more is comparing spellings, keeping the pairs and forgetting those that are none any more.
 */
export const duplicatesScan: Bench = {
  name: 'duplicates.scan',
  compares: `all duplicates of ${PEOPLE / 1e3}k people, by e-mail, phone, spelling within a domain and spelling alone, against grouping them by e-mail and phone`,
  async run(lab) {
    const { admin, workspaces } = await lab.small();
    const workspace = workspaces[0];
    if (!workspace) throw new Error('The lab has no workspace');
    const schema = pg.escapeIdentifier(workspace.schemaName);
    const client = await admin.connect();
    try {
      const { rows } = await client.query<{ id: string; fields: Record<string, string> }>(
        `select o.id, jsonb_object_agg(f.name, f.id) as fields from metadata.objects o join metadata.fields f on f.object_id = o.id
         where o.workspace_id = $1 and o.name_singular = 'person' group by o.id`,
        [workspace.id],
      );
      const { id, fields } = rows[0]!;
      const field = (name: string, by: string) => ({ id: fields[name], by });
      await client.query('update metadata.objects set duplicate_criteria = $2 where id = $1', [
        id,
        JSON.stringify([
          { fields: [fields['emails']], isSure: true },
          [fields['phones']],
          { fields: [field('name', 'SIMILAR'), field('emails', 'DOMAIN')], threshold: 0.5 },
          { fields: [field('name', 'SIMILAR')], threshold: 0.8 },
        ]),
      ]);
      await client.query(
        `select setseed(0.4);
         with names as (select string_to_array('${FIRST}', ' ') as f, string_to_array('${SYLLABLES}', ' ') as s)
         insert into ${schema}.people (name_first_name, name_last_name, emails_primary_email, phones_primary_phone_number)
         select f[1 + floor(random() * 20)], initcap(s[1 + floor(random() * 28)] || s[1 + floor(random() * 28)] || s[1 + floor(random() * 28)]),
           'p' || i || '@company' || i % 5000 || '.example', '0170' || i
         from names, generate_series(1, ${PEOPLE * 0.97}) i;
         -- Three in a hundred are there twice: with another form of the address, the number or the name.
         insert into ${schema}.people (name_first_name, name_last_name, emails_primary_email, phones_primary_phone_number)
         select case when random() < 0.5 then name_first_name else left(name_first_name, 4) end, name_last_name || case when random() < 0.3 then 'n' else '' end,
           ' ' || emails_primary_email, case when random() < 0.5 then '170 ' || substr(phones_primary_phone_number, 5) end
         from ${schema}.people where emails_primary_email ~ '^p\\d+@' order by id limit ${PEOPLE * 0.03};
         analyze ${schema}.people`,
      );
      let pairs = 0;
      const scan = () =>
        time(async () => {
          const found = await client.query<{ count: number }>('select engine.run_duplicate_scan($1) as count', [id]);
          pairs = found.rows[0]!.count;
        });
      const group = () =>
        time(() =>
          client.query(
            ['emails_primary_email', 'phones_primary_phone_number']
              .map(
                (column) =>
                  `select lower(btrim(${column})), array_agg(id) from ${schema}.people group by 1 having count(*) > 1`,
              )
              .join(';'),
          ),
        );
      const { ratio, ratios, subject, reference } = await alternate(ROUNDS, scan, group);
      const sure = await client.query<{ count: string }>(
        `select count(*) from ${schema}.record_duplicates where is_sure`,
      );
      const list = await time(() => client.query(`select * from ${schema}.list_duplicates('person', false, 50)`));
      return {
        ratio,
        bound: 300,
        checks: {
          'each that is there twice was found': Number(sure.rows[0]!.count) >= PEOPLE * 0.03,
          'in less than a minute': subject < 60_000,
        },
        detail: { msScan: subject, msGroup: reference, ratios, pairs, msOfTheFirstPage: list },
      };
    } finally {
      client.release();
    }
  },
};
