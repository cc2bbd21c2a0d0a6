import { ActionIcon, Menu } from '@mantine/core';
import { IconDots, IconPlus, IconTable } from '@tabler/icons-react';
import { Handle, Position, type NodeProps } from '@xyflow/react';
import { Link } from '@tanstack/react-router';
import { FIELD_TYPES } from '../../fields/fieldTypes.tsx';
import { ObjectIcon } from '../../fields/ObjectIcon.tsx';
import classes from './diagram.module.css';
import { useDiagram } from './diagramStore.ts';
import type { ObjectNode } from './layout.ts';
import { t } from '../../language/t.ts';

/** An object in the diagram. Its right edge is where a relation begins; the whole card is where one may end. */
export function ObjectCard({ data, selected }: NodeProps<ObjectNode>) {
  const { object, fields, hidden, isFaded } = data;
  return (
    <div className={classes.card} data-selected={selected || undefined} data-faded={isFaded || undefined}>
      <Handle type="target" position={Position.Left} className={classes.target} />
      <header className={classes.cardHead}>
        <ObjectIcon name={object.icon} color={object.color} size={16} />
        <Link
          to="/settings/model/$namePlural"
          params={{ namePlural: object.namePlural }}
          className={`${classes.cardTitle} nodrag`}
        >
          {object.labelPlural}
        </Link>
        <Menu position="bottom-end" withinPortal>
          <Menu.Target>
            <ActionIcon
              variant="subtle"
              color="gray"
              size="sm"
              className="nodrag"
              aria-label={t('Actions for {labelPlural}', { labelPlural: object.labelPlural })}
            >
              <IconDots size={15} />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item
              leftSection={<IconPlus size={14} />}
              onClick={() => useDiagram.setState({ panel: { objectId: object.id } })}
            >
              {t('Add field')}
            </Menu.Item>
            <Menu.Item
              leftSection={<IconPlus size={14} />}
              onClick={() => useDiagram.setState({ panel: { objectId: object.id, preset: { type: 'RELATION' } } })}
            >
              {t('Add relation')}
            </Menu.Item>
            <Menu.Item
              leftSection={<IconTable size={14} />}
              renderRoot={(props) => (
                <Link to="/objects/$namePlural" params={{ namePlural: object.namePlural }} {...props} />
              )}
            >
              {t('Open table')}
            </Menu.Item>
          </Menu.Dropdown>
        </Menu>
      </header>
      <ul className={classes.cardFields}>
        {fields.map((field) => {
          const TypeIcon = FIELD_TYPES[field.type].icon;
          return (
            <li key={field.id}>
              <button
                type="button"
                className={`${classes.cardField} nodrag`}
                onClick={() => useDiagram.setState({ panel: { objectId: object.id, fieldId: field.id } })}
              >
                <TypeIcon size={13} stroke={1.75} aria-hidden />
                <span>{field.label}</span>
              </button>
            </li>
          );
        })}
        {hidden > 0 ? <li className={classes.cardMore}>{t('{hidden} more', { hidden })}</li> : null}
      </ul>
      <Handle
        type="source"
        position={Position.Right}
        className={classes.source}
        title={t('Drag to another object to relate them')}
      />
    </div>
  );
}
