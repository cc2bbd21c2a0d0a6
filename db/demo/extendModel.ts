import type { PoolClient } from 'pg';

/** What the demo's people have added to the standard objects: a field of each kind that other CRMs lack. */

interface Field {
  object: string;
  label: string;
  type: string;
  icon: string;
  description: string;
  settings?: object;
  target?: string;
  inverseLabel?: string;
}

const FIELDS: Field[] = [
  {
    object: 'opportunity',
    label: 'Number',
    type: 'AUTO_NUMBER',
    icon: 'IconNumber',
    description: 'By which a deal is named on paper.',
    settings: { prefix: 'D-', padding: 4 },
  },
  {
    object: 'opportunity',
    label: 'Probability',
    type: 'PERCENT',
    icon: 'IconPercentage',
    description: 'How likely the deal is to be won.',
  },
  {
    object: 'opportunity',
    label: 'Expected',
    type: 'FORMULA',
    icon: 'IconMathFunction',
    description: 'The amount by its probability.',
    settings: { expression: 'amount * probability' },
  },
  {
    object: 'opportunity',
    label: 'Stakeholders',
    type: 'MANY_TO_MANY',
    icon: 'IconUsers',
    description: 'Who has a say in the deal.',
    target: 'person',
    inverseLabel: 'Deals',
  },
];

const ROLLUPS = [
  {
    label: 'Open deals',
    description: 'How many opportunities are not won yet.',
    settings: { aggregate: 'COUNT', filter: 'stage <> "CUSTOMER"' },
  },
  {
    label: 'Pipeline',
    description: 'What the open opportunities are worth.',
    settings: { aggregate: 'SUM', filter: 'stage <> "CUSTOMER"' },
    field: 'amount',
  },
];

/** Runs as the owner, and leaves the tables with their new columns. */
export async function extendModel(client: PoolClient): Promise<void> {
  const object = `(select id from metadata.objects where name_singular = $1 and deleted_at is null)`;
  for (const { object: name, label, type, icon, description, settings = {}, target, inverseLabel } of FIELDS)
    await client.query(
      `select metadata.create_field(object_id => ${object}, label => $2, type => $3, icon => $4, description => $5,
         settings => $6, target_object_id => (select id from metadata.objects where name_singular = $7 and deleted_at is null),
         inverse_label => $8)`,
      [name, label, type, icon, description, settings, target, inverseLabel],
    );
  await client.query(
    `select metadata.create_field(object_id => id, label => 'Role', type => 'TEXT', description => 'The part that this person plays in the deal.')
     from metadata.objects where is_junction`,
  );
  for (const { label, description, settings, field } of ROLLUPS)
    await client.query(
      `select metadata.create_field(object_id => ${object}, label => $2, type => 'ROLLUP', icon => 'IconSum', description => $3,
         settings => $4::jsonb || jsonb_strip_nulls(jsonb_build_object('relationId', r.id, 'fieldId', (
           select f.id from metadata.fields f where f.object_id = o.id and f.name = $5))))
       from metadata.objects o
       join metadata.fields link on link.object_id = o.id and link.name = 'company'
       join metadata.relations r on r.field_id = link.id
       where o.name_singular = 'opportunity' and o.deleted_at is null`,
      ['company', label, description, settings, field],
    );
  // The model is applied when a transaction ends; the records that follow in this one need it now.
  await client.query('set constraints all immediate');
  await client.query('set constraints all deferred');
}

/** The contact decides; somebody else of the company speaks for the deal. */
export async function linkStakeholders(client: PoolClient): Promise<void> {
  await client.query(
    `insert into opportunity_person_links (opportunity_id, person_id, role)
     select o.id, o.point_of_contact_id, 'Decides' from opportunities o where o.point_of_contact_id is not null
     union all
     select o.id, p.id, 'Speaks for us' from opportunities o
     join lateral (
       select p.id from people p where p.company_id = o.company_id and p.id <> o.point_of_contact_id order by p.id limit 1) p on true`,
  );
}
