import { Alert, Button, Checkbox, Group, Modal, Select, Textarea, TextInput } from '@mantine/core';
import { useState } from 'react';
import { FIELD_TYPES } from '../fields/fieldTypes.tsx';
import { createField } from '../model/metadata.ts';
import { apiName } from '../model/names.ts';
import type { FieldType, Model, ModelObject } from '../model/types.ts';
import { useSubmit } from './formFailure.ts';
import { cleanOptions, newOption, OptionList } from './OptionList.tsx';
import classes from './settings.module.css';

const TYPES: FieldType[] = [
  'TEXT',
  'NUMBER',
  'BOOLEAN',
  'DATE',
  'DATE_TIME',
  'SELECT',
  'MULTI_SELECT',
  'CURRENCY',
  'LINKS',
  'EMAILS',
  'PHONES',
  'RATING',
  'RICH_TEXT',
  'RELATION',
];
const UNIQUE_TYPES: FieldType[] = ['TEXT', 'NUMBER', 'EMAILS', 'LINKS', 'PHONES'];

export function NewField({ model, object, onClose }: { model: Model; object: ModelObject; onClose: () => void }) {
  const [type, setType] = useState<FieldType>('TEXT');
  const [label, setLabel] = useState('');
  const [description, setDescription] = useState('');
  const [whole, setWhole] = useState(false);
  const [isUnique, setUnique] = useState(false);
  const [options, setOptions] = useState(() => [newOption(0), newOption(1)]);
  const [target, setTarget] = useState<string | null>(null);
  const [inverse, setInverse] = useState<string | null>(null);
  const { busy, submit, problem, problemAt } = useSubmit(onClose);

  const hasOptions = type === 'SELECT' || type === 'MULTI_SELECT';
  const name = apiName(label);
  const taken = object.fields.find((field) => field.name === name);
  const targets = model.objects.filter(
    (each) => each.isActive && !each.fields.some((field) => field.type === 'MORPH_RELATION'),
  );
  const chosen = targets.find((each) => each.id === target);
  const complete =
    name !== '' && !taken && (!hasOptions || cleanOptions(options).length > 0) && (type !== 'RELATION' || chosen);

  const save = () =>
    createField({
      objectId: object.id,
      label: label.trim(),
      name,
      type,
      ...(description.trim() ? { description: description.trim() } : {}),
      ...(type === 'NUMBER' && whole ? { settings: { dataType: 'int' } } : {}),
      ...(hasOptions ? { options: cleanOptions(options) } : {}),
      ...(isUnique && UNIQUE_TYPES.includes(type) ? { isUnique: true } : {}),
      ...(type === 'RELATION' && chosen
        ? { targetObjectId: chosen.id, inverseLabel: (inverse ?? object.labelPlural).trim() }
        : {}),
    });

  return (
    <Modal opened onClose={onClose} title={`New field of ${object.labelPlural.toLowerCase()}`}>
      <form
        className={classes.form}
        onSubmit={(event) => {
          event.preventDefault();
          if (complete) void submit(save);
        }}
      >
        <Select
          label="Type"
          value={type}
          onChange={(value) => setType((value ?? 'TEXT') as FieldType)}
          allowDeselect={false}
          checkIconPosition="right"
          data={TYPES.map((each) => ({ value: each, label: FIELD_TYPES[each].label }))}
          renderOption={({ option }) => {
            const TypeIcon = FIELD_TYPES[option.value as FieldType].icon;
            return (
              <Group gap={8}>
                <TypeIcon size={15} stroke={1.75} aria-hidden />
                {option.label}
              </Group>
            );
          }}
        />
        <TextInput
          label="Label"
          value={label}
          onChange={(event) => setLabel(event.currentTarget.value)}
          description={name ? `In the API: ${name}` : undefined}
          error={taken ? `“${taken.label}” has this name already.` : (problemAt('label') ?? problemAt('name'))}
          data-autofocus
          autoComplete="off"
        />
        {type === 'NUMBER' ? (
          <Checkbox
            label="Whole numbers only"
            checked={whole}
            onChange={(event) => setWhole(event.currentTarget.checked)}
          />
        ) : null}
        {hasOptions ? <OptionList options={options} onChange={setOptions} /> : null}
        {type === 'RELATION' ? (
          <>
            <Select
              label="Points to"
              placeholder="Choose an object"
              searchable
              value={target}
              onChange={setTarget}
              error={problemAt('targetObjectId')}
              data={targets.map((each) => ({ value: each.id, label: each.labelSingular }))}
            />
            <TextInput
              label={`On the page of ${chosen ? `a ${chosen.labelSingular.toLowerCase()}` : 'the other object'}, the list is called`}
              value={inverse ?? object.labelPlural}
              onChange={(event) => setInverse(event.currentTarget.value)}
              error={problemAt('inverseLabel') ?? problemAt('inverseName')}
            />
          </>
        ) : null}
        {UNIQUE_TYPES.includes(type) ? (
          <Checkbox
            label="No two records may have the same value"
            checked={isUnique}
            onChange={(event) => setUnique(event.currentTarget.checked)}
          />
        ) : null}
        <Textarea
          label="Description"
          autosize
          minRows={1}
          value={description}
          onChange={(event) => setDescription(event.currentTarget.value)}
        />
        {problem ? (
          <Alert color="red" role="alert">
            {problem}
          </Alert>
        ) : null}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={busy} disabled={!complete}>
            Add field
          </Button>
        </Group>
      </form>
    </Modal>
  );
}
