import { Button, Select, Switch, useComputedColorScheme } from '@mantine/core';
import { IconPlus, IconSearch } from '@tabler/icons-react';
import { useNavigate, useSearch } from '@tanstack/react-router';
import {
  Background,
  BackgroundVariant,
  Controls,
  MiniMap,
  ReactFlow,
  ReactFlowProvider,
  useEdgesState,
  useNodesState,
  useReactFlow,
  type Connection,
  type Edge,
} from '@xyflow/react';
import '@xyflow/react/dist/style.css';
import { useEffect, useMemo, useState } from 'react';
import { usePhone } from '../../app/phone.ts';
import { fieldById, objectById, objectNamed } from '../../model/lookup.ts';
import { useWholeModel } from '../../model/store.ts';
import { FieldPanel } from '../FieldPanel.tsx';
import { NewObject } from '../NewObject.tsx';
import { SettingsFrame } from '../SettingsFrame.tsx';
import classes from './diagram.module.css';
import { useDiagram } from './diagramStore.ts';
import { drawn, edgesOf, nodesOf, relatedTo, type ObjectNode } from './layout.ts';
import { Markers } from './Markers.tsx';
import { ObjectCard } from './ObjectCard.tsx';
import { t } from '../../language/t.ts';

/** What the diagram says of itself to who does not see it. */
const LABELS = {
  'node.a11yDescription.default': t('Press Enter or Space to choose an object, and the arrow keys to move it.'),
  'node.a11yDescription.keyboardDisabled': t('Press Enter or Space to choose an object.'),
  'edge.a11yDescription.default': t('A relation between two objects.'),
  'controls.ariaLabel': t('How the diagram is shown'),
  'controls.zoomIn.ariaLabel': t('Zoom in'),
  'controls.zoomOut.ariaLabel': t('Zoom out'),
  'controls.fitView.ariaLabel': t('Fit the diagram into the page'),
};

const NODE_TYPES = { object: ObjectCard };

const MOVE_MS = 300;

function Panel() {
  const model = useWholeModel();
  const panel = useDiagram((state) => state.panel);
  const object = panel ? objectById(model, panel.objectId) : undefined;
  if (!panel || !object) return null;
  const field = panel.fieldId ? fieldById(object, panel.fieldId) : null;
  if (field === undefined) return null;
  return (
    <FieldPanel
      key={`${object.id} ${field?.id} ${field?.type}`}
      object={object}
      field={field}
      preset={panel.preset}
      onClose={() => useDiagram.setState({ panel: null })}
    />
  );
}

function Diagram({ showsSystem }: { showsSystem: boolean }) {
  const model = useWholeModel();
  const phone = usePhone();
  const { object: wanted } = useSearch({ from: '/settings/diagram' });
  const scheme = useComputedColorScheme('light');
  const { fitView, getNode } = useReactFlow<ObjectNode>();
  const objects = useMemo(() => drawn(model, showsSystem), [model, showsSystem]);
  const lines = useMemo(() => edgesOf(objects), [objects]);
  const [nodes, setNodes, onNodesChange] = useNodesState<ObjectNode>([]);
  const [edges, setEdges, onEdgesChange] = useEdgesState<Edge>([]);
  const [hovered, setHovered] = useState<string | null>(null);
  const focus = wanted ? objectNamed(model, wanted)?.id : undefined;

  useEffect(() => {
    // What people have moved by hand stays where they put it; the layout places what is new.
    setNodes((current) => {
      const places = new Map(current.map((node) => [node.id, node.position]));
      const isSame = current.length > 0;
      return nodesOf(objects, lines).map((node) => ({
        ...node,
        position: (isSame && places.get(node.id)) || node.position,
        selected: node.id === focus,
      }));
    });
    setEdges(lines);
  }, [objects, lines, focus, setNodes, setEdges]);

  useEffect(() => {
    if (!focus) return;
    const timer = setTimeout(() => {
      if (getNode(focus)) void fitView({ nodes: [{ id: focus }], maxZoom: 1, duration: MOVE_MS, padding: 2 });
    }, 60);
    return () => clearTimeout(timer);
  }, [focus, fitView, getNode]);

  const near = hovered ? relatedTo(model, lines, hovered) : null;
  const connect = ({ source, target }: Connection) => {
    const other = objectById(model, target);
    if (!other) return;
    useDiagram.setState({
      panel: { objectId: source, preset: { type: 'RELATION', targets: [target], label: other.labelSingular } },
    });
  };

  return (
    <ReactFlow
      nodes={near ? nodes.map((node) => ({ ...node, data: { ...node.data, isFaded: !near.has(node.id) } })) : nodes}
      edges={edges.map((edge) => ({
        ...edge,
        ariaLabel: typeof edge.label === 'string' ? edge.label : '',
        className: `${edge.className ?? ''} ${near && edge.source !== hovered && edge.target !== hovered ? classes.faint : ''}`,
        label: hovered === edge.source || hovered === edge.target ? edge.label : undefined,
      }))}
      nodeTypes={NODE_TYPES}
      onNodesChange={onNodesChange}
      onEdgesChange={onEdgesChange}
      onConnect={connect}
      onNodeMouseEnter={(_, node) => setHovered(node.id)}
      onNodeMouseLeave={() => setHovered(null)}
      onEdgeClick={(_, edge) => {
        const { objectId, fieldId } = (edge.data ?? {}) as { objectId?: string; fieldId?: string };
        if (objectId && fieldId) useDiagram.setState({ panel: { objectId, fieldId } });
      }}
      ariaLabelConfig={LABELS}
      colorMode={scheme}
      fitView
      fitViewOptions={{ padding: 0.12, maxZoom: 1 }}
      minZoom={0.08}
      maxZoom={1.8}
      deleteKeyCode={null}
      connectionRadius={80}
      nodesFocusable
      edgesFocusable={false}
      defaultEdgeOptions={{ type: 'default' }}
      aria-label={t('Diagram of the objects')}
    >
      <Markers />
      <Background variant={BackgroundVariant.Dots} gap={22} size={1.2} />
      <Controls showInteractive={false} position="bottom-left" />
      {phone ? null : <MiniMap pannable zoomable position="bottom-right" ariaLabel={t('Overview')} />}
    </ReactFlow>
  );
}

export function DiagramPage() {
  const model = useWholeModel();
  const navigate = useNavigate();
  const { object: wanted } = useSearch({ from: '/settings/diagram' });
  const [showsSystem, setShowsSystem] = useState(false);
  const [creating, setCreating] = useState(false);
  const objects = drawn(model, showsSystem);
  return (
    <SettingsFrame
      actions={
        <Button leftSection={<IconPlus size={14} stroke={2.2} />} onClick={() => setCreating(true)}>
          {t('New object')}
        </Button>
      }
    >
      <div className={classes.tools}>
        <Select
          size="xs"
          className={classes.find}
          placeholder={t('Find an object')}
          aria-label={t('Find an object')}
          leftSection={<IconSearch size={14} />}
          searchable
          clearable
          data={objects.map((object) => ({ value: object.namePlural, label: object.labelPlural }))}
          value={wanted ?? null}
          onChange={(value) =>
            void navigate({ to: '/settings/diagram', search: value ? { object: value } : {}, replace: true })
          }
        />
        <Switch
          size="xs"
          label={t('System objects')}
          checked={showsSystem}
          onChange={(event) => setShowsSystem(event.currentTarget.checked)}
        />
        <span className={classes.help}>{t('Drag from the dot of one object to another to relate them')}</span>
      </div>
      <div className={classes.canvas}>
        <ReactFlowProvider>
          <Diagram showsSystem={showsSystem} />
        </ReactFlowProvider>
      </div>
      <Panel />
      {creating ? (
        <NewObject
          onClose={() => setCreating(false)}
          onMade={(object) => void navigate({ to: '/settings/diagram', search: { object }, replace: true })}
        />
      ) : null}
    </SettingsFrame>
  );
}
