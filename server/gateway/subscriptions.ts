import './grafastMode.ts';
import { extendSchema, gql } from 'postgraphile/utils';

/**
 * What can be subscribed to, the same in every workspace. It stands in the schema to be seen and checked; Grafast runs
 * none of it, which would do for each subscriber what `server/live` does once for all that see the same.
 */
export const SubscriptionsPlugin = extendSchema(
  {
    typeDefs: gql`
      extend type Subscription {
        """
        Changes of records from now on, or since \`after\`, as soon as they are committed, each once, in order. Only what
        the caller may read: of a record that a change takes out of sight no more is told than that it is gone.
        """
        recordChanges(
          """
          The object by its singular API name, such as person. All that the caller may read without it.
          """
          object: String
          """
          Of these records only.
          """
          ids: [UUID!]
          """
          Of records that fulfil this filter only, written as that of the object's list. Tells also of those that left it.
          """
          filter: JSON
          """
          The \`position\` of the last change that was received: nothing since then is missed, and nothing told twice. To begin, the
          \`logPosition\` of /metadata, asked for before the records that are shown.
          """
          after: String
        ): LiveRecordChange!
        """
        The version of the data model, now and after each change of it; rights are part of it.
        """
        modelChanged: LiveModelChange!
        """
        That views, their shares, defaults or favourites are others, in the workspace.
        """
        viewsChanged: LiveViewsChange!
        """
        That the member who asks has notifications that are new, or saw some elsewhere. myUnreadNotifications counts them.
        """
        notificationsChanged: LiveNotificationsChange!
        """
        Who is looking at a record or editing it, now and whenever that changes. announcePresence makes one of them.
        """
        presence(object: String!, recordId: UUID!): [LivePresence!]!
      }

      """
      Something that happened to a record.
      """
      type LiveRecordChange {
        """
        Where to go on after an interruption: give it as \`after\`.
        """
        position: String!
        """
        created, updated, deleted, restored, destroyed, merged, shared, unshared, linked, unlinked, commented; added and removed,
        where a change brought the record into sight or took it out of it; position, which says nothing but where one is; resync:
        too much has happened to be told one by one, or what may be seen has changed, of the object or of all, so read it again.
        """
        action: String!
        """
        The object by its singular API name.
        """
        object: String
        recordId: UUID
        """
        The fields that an update changed, of those that the caller may read.
        """
        changedFields: [String!]
        """
        The record as it is now, with the columns that the caller may read, as the API names them.
        """
        record: JSON
        actor: LiveActor
        """
        By which way the change came: MANUAL, API, IMPORT, SYSTEM and so on.
        """
        source: String
        """
        The request that made the change, as the header X-Request-Id of its answer has it.
        """
        requestId: String
        happenedAt: Datetime
      }

      """
      Who changed a record.
      """
      type LiveActor {
        """
        member, api_key, application, psql, system and so on.
        """
        type: String!
        id: UUID
        name: String
      }

      """
      A version of the data model.
      """
      type LiveModelChange {
        version: Int!
      }

      """
      A change of views. Who sees which of them is to be asked.
      """
      type LiveViewsChange {
        noticedAt: Datetime!
      }

      """
      A change of the member's notifications. Which they are is to be asked.
      """
      type LiveNotificationsChange {
        noticedAt: Datetime!
      }

      """
      A member who has a record open.
      """
      type LivePresence {
        memberId: UUID!
        name: String!
        """
        The field that is being edited, if the caller may read it.
        """
        field: String
        since: Datetime!
      }
    `,
  },
  'RelvarSubscriptionsPlugin',
);
