import { object, sideEffect } from 'postgraphile/grafast';
import type { ObjectStep } from 'postgraphile/grafast';

/**
 * An update of a record that is not there, or not the caller's to see or to change, is an error, as a delete of one is: who
 * saves a form must not believe that it was saved. PostGraphile answers null.
 */
export const MissingRecordPlugin: GraphileConfig.Plugin = {
  name: 'RelvarMissingRecordPlugin',
  version: '1.0.0',
  description: 'Refuses updates that find no record',
  schema: {
    hooks: {
      GraphQLObjectType_fields_field(field, _build, { scope }) {
        const { plan } = field;
        if (!scope.isPgUpdateMutation || !plan) return field;
        return {
          ...field,
          plan(...asked: Parameters<typeof plan>) {
            const $payload = plan(...asked) as ObjectStep;
            const $record = $payload.get('result');
            sideEffect($record, assertFound);
            // What is made after it waits for it.
            return object({ result: $record });
          },
        };
      },
    },
  },
};

function assertFound(record: unknown): void {
  // In the words that PostGraphile has for deleting.
  if (record === null) throw new Error('No values were updated in collection');
}
