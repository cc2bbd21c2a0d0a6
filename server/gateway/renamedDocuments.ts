import { parse, specifiedRules, validate } from 'postgraphile/graphql';
import type { DocumentNode } from 'postgraphile/graphql';
import type { Pool } from 'pg';
import { FormerNames } from './formerNames.ts';
import type { FormerName } from './formerNames.ts';
import type { Instance } from './instance.ts';
import { sendWithSettings } from './pgClient.ts';
import type { RequestSettings } from './pgClient.ts';
import { presentDocument } from './presentDocument.ts';
import type { Deprecation } from './presentDocument.ts';

/** A document that was written with former names, as the schema knows it. */
export interface RenamedDocument {
  readonly document: DocumentNode;
  readonly deprecated: readonly Deprecation[];
}

/** A version of a workspace's model, the schema that serves it, and the settings of whoever asks. */
interface Place {
  readonly workspaceId: string;
  readonly version: number;
  readonly instance: Instance;
  readonly settings: RequestSettings;
}

/** Documents kept for one version of a workspace's model. */
const MAX_DOCUMENTS = 200;
const MAX_WORKSPACES = 500;

interface Version {
  readonly version: number;
  readonly names: Promise<FormerNames>;
  /** Of each schema its own; what is kept must not keep a schema that is retired. */
  readonly documents: WeakMap<Instance, Map<string, RenamedDocument>>;
}

/**
 * Documents that use former names of objects and fields. Workspaces that share a GraphQL schema were
 * renamed differently, so these names cannot be in it. They are looked up only for what does not fit the
 * schema as it stands: whoever uses present names pays nothing.
 */
export class RenamedDocuments {
  readonly #pool: Pool;
  /** Ordered by use. */
  readonly #versions = new Map<string, Version>();

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** A document that was renamed before. */
  known({ workspaceId, version, instance }: Place, text: string): RenamedDocument | undefined {
    const kept = this.#versions.get(workspaceId);
    if (kept?.version !== version) return undefined;
    return kept.documents.get(instance)?.get(text);
  }

  /** The former names that hold at a version of a workspace's model, asked for as the caller. */
  names(place: Place): Promise<FormerNames> {
    return this.#version(place).names;
  }

  /** The document of a text that does not fit the schema; undefined when former names do not make it fit. */
  async rename(place: Place, text: string): Promise<RenamedDocument | undefined> {
    const { instance } = place;
    const kept = this.#version(place);
    const names = await kept.names;
    if (names.isEmpty) return undefined;
    let parsed: DocumentNode;
    try {
      parsed = parse(text, { maxTokens: 10_000 });
    } catch {
      return undefined;
    }
    const renamed = presentDocument(instance.schema, parsed, names);
    if (renamed.deprecated.length === 0) return undefined;
    if (validate(instance.schema, renamed.document, specifiedRules).length > 0) return undefined;
    let documents = kept.documents.get(instance);
    if (!documents) kept.documents.set(instance, (documents = new Map()));
    if (documents.size >= MAX_DOCUMENTS) documents.delete(documents.keys().next().value!);
    documents.set(text, renamed);
    return renamed;
  }

  #version({ workspaceId, version, settings }: Place): Version {
    const kept = this.#versions.get(workspaceId);
    this.#versions.delete(workspaceId);
    const current: Version =
      kept?.version === version ? kept : { version, names: this.#load(settings), documents: new WeakMap() };
    this.#versions.set(workspaceId, current);
    if (current !== kept) {
      current.names.catch(() => this.#versions.delete(workspaceId));
      if (this.#versions.size > MAX_WORKSPACES) this.#versions.delete(this.#versions.keys().next().value!);
    }
    return current;
  }

  async #load(settings: RequestSettings): Promise<FormerNames> {
    const client = await this.#pool.connect();
    let broken = true;
    try {
      const { rows } = await sendWithSettings(client, settings, {
        name: 'relvar_former_names',
        text: `
          select a.name,
            case a.kind when 'SINGULAR' then o.name_singular when 'PLURAL' then o.name_plural else f.name end,
            case when a.kind = 'FIELD' then o.name_singular end
          from metadata.aliases a
          join metadata.objects o on o.id = a.object_id and o.deleted_at is null
          left join metadata.fields f on f.id = a.field_id and f.deleted_at is null
          where (a.field_id is null) = (f.id is null)`,
        values: [],
      });
      broken = false;
      return new FormerNames(
        rows.map(([former, present, object]): FormerName => ({
          former: former!,
          present: present!,
          object: object ?? undefined,
        })),
      );
    } finally {
      client.release(broken);
    }
  }
}
