import { gql } from 'urql';
import { requestMetadata } from '../api/client.ts';
import { fetchJson } from '../api/failure.ts';
import { ask, parsed, perform, run } from '../model/calls.ts';

export type WebhookFormat = 'STANDARD' | 'TWENTY';

export interface WebhookDraft {
  name: string;
  description: string;
  targetUrl: string;
  events: string[];
  filters: { [object: string]: string };
  fields: { [object: string]: string[] };
  format: WebhookFormat;
  roleId: string | null;
  isActive: boolean;
}

export interface Webhook extends WebhookDraft {
  id: string;
  disabledAt: string | null;
  disabledReason: string | null;
}

/** How a webhook fares, as metadata.webhook_states() says it. */
export interface Health {
  id: string;
  state: 'NEW' | 'WORKING' | 'FAILING' | 'DOWN' | 'DISABLED' | 'OFF';
  waiting: number;
  failing: number;
  dead: number;
  statementsBehind: number;
  failingSince: string | null;
  nextAttemptAt: string | null;
  lastSuccessAt: string | null;
  lastFailureAt: string | null;
  lastStatus: number | null;
  lastError: string | null;
  hasUnseenSecret: boolean;
  formerSecretUntil: string | null;
}

export interface Stats extends Health {
  hours: number;
  delivered: number;
  attempts: number;
  retried: number;
  medianMs: number | null;
  slowestMs: number | null;
}

export type DeliveryState = 'PENDING' | 'DELIVERED' | 'DEAD' | 'SKIPPED';

export interface Delivery {
  id: string;
  kind: 'EVENT' | 'CUSTOM' | 'TEST';
  messageId: string;
  type: string;
  recordId: string | null;
  state: DeliveryState;
  isReplay: boolean;
  attempts: number;
  status: number | null;
  error: string | null;
  durationMs: number | null;
  createdAt: string;
  lastAttemptAt: string | null;
  nextAttemptAt: string | null;
}

export interface DeliveryDetail {
  id: string;
  state: DeliveryState;
  request: { headers: { [name: string]: string }; body: string } | null;
  response: { headers: { [name: string]: string }; body: string } | null;
  attempts: { at: string; status: number | null; error: string | null; ms: number }[];
}

export interface Role {
  id: string;
  name: string;
}

export interface Webhooks {
  webhooks: Webhook[];
  roles: Role[];
  health: Map<string, Health>;
}

interface Answer {
  webhooks: { nodes: (Omit<Webhook, 'filters' | 'fields'> & { filters: unknown; fields: unknown })[] };
  roles: { nodes: Role[] };
  webhookStates: Health[] | string;
}

const WEBHOOKS = gql<Answer, Record<string, never>>(`query Webhooks {
  webhooks(orderBy: [CREATED_AT_ASC]) { nodes {
    id name description targetUrl events filters fields format roleId isActive disabledAt disabledReason
  } }
  roles { nodes { id name } }
  webhookStates
}`);

export async function askWebhooks(): Promise<Webhooks> {
  const { webhooks, roles, webhookStates } = await requestMetadata(WEBHOOKS, {});
  return {
    webhooks: webhooks.nodes.map((node) => ({
      ...node,
      filters: parsed(node.filters as Webhook['filters'] | string),
      fields: parsed(node.fields as Webhook['fields'] | string),
    })),
    roles: roles.nodes,
    health: new Map(parsed(webhookStates).map((each) => [each.id, each])),
  };
}

type Values = { [name: string]: unknown };

export async function createWebhook(webhook: WebhookDraft): Promise<string> {
  const document = gql<{ createWebhook: { webhook: { id: string } } }, Values>(
    'mutation CreateWebhook($webhook: WebhookInput!) { createWebhook(input: { webhook: $webhook }) { webhook { id } } }',
  );
  return (await requestMetadata(document, { webhook })).createWebhook.webhook.id;
}

export const updateWebhook = (id: string, patch: Partial<WebhookDraft>) =>
  requestMetadata(
    gql<unknown, Values>(
      'mutation UpdateWebhook($id: UUID!, $patch: WebhookPatch!) { updateWebhook(input: { id: $id, patch: $patch }) { clientMutationId } }',
    ),
    { id, patch },
  );

export const deleteWebhook = (id: string) =>
  requestMetadata(
    gql<unknown, Values>(
      'mutation DeleteWebhook($id: UUID!) { deleteWebhook(input: { id: $id }) { clientMutationId } }',
    ),
    { id },
  );

export const askStats = (webhookId: string): Promise<Stats> =>
  ask('webhookStats', { webhookId: 'UUID' }, { webhookId });

export const PAGE = 50;

export const askDeliveries = (webhookId: string, states: DeliveryState[] | null, beforeId: string | null) => {
  const document = gql<{ answer: Delivery[] | string }, Values>(
    `query Deliveries($webhookId: UUID, $states: [String], $beforeId: BigInt, $maxResults: Int) {
      answer: webhookDeliveries(webhookId: $webhookId, states: $states, beforeId: $beforeId, maxResults: $maxResults) }`,
  );
  return requestMetadata(document, { webhookId, states, beforeId, maxResults: PAGE }).then(({ answer }) =>
    parsed(answer),
  );
};

export const askDelivery = (webhookId: string, deliveryId: string): Promise<DeliveryDetail> =>
  ask('webhookDelivery', { webhookId: 'UUID', deliveryId: 'BigInt' }, { webhookId, deliveryId });

/** An id of figures is read as a number on its way. */
export const testWebhook = (webhookId: string): Promise<string> =>
  perform<string | number>('testWebhook', { webhookId }).then(String);
export const retryDelivery = (webhookId: string, deliveryId: string) =>
  run('retryWebhookDelivery', { webhookId, deliveryId });
const REPLAYABLE = gql<{ replayableSince: string | null }, Values>('query Replayable { replayableSince }');
/** Of when the earliest event is that can be sent again; null where there is none. */
export const askReplayable = () => requestMetadata(REPLAYABLE, {});

export const replayWebhook = (webhookId: string, since: string, until: string | null, onlyDead: boolean) =>
  perform<number>('replayWebhook', { webhookId, since, until, onlyDead });

export const showSecret = (webhook: string) => fetchJson<{ secret: string }>('/webhooks/secret', { webhook });
export const rotateSecret = (webhook: string, overlapHours: number, secret?: string) =>
  fetchJson<{ secret: string }>('/webhooks/secret/rotate', {
    webhook,
    overlapHours: String(overlapHours),
    ...(secret === undefined ? {} : { secret }),
  });
