/**
 * What is in force where the folder of policies is missing. `config/policies/default.yaml` is this text, for operators to edit
 * (`npm run generate` writes it, as long as nobody has).
 */
export const DEFAULT_POLICIES = `# What is allowed where nobody has said anything else: an agent what is assigned to it, a person what their role allows,
# a client what is registered for it. Change it, add files beside it, or remove it: nothing is allowed that no policy allows.
# A change is in force within a second, without a restart. docs/how-to/write-a-policy.md explains the language.
#
# A file ends with a line of three dots, which shows that it was written whole.

policies:
  - id: agents-have-what-is-assigned
    description: An agent that is active may get, hand on and use the scopes and tools that are assigned to it.
    effect: allow
    who: { agents: ['*'] }
    what: { actions: [issue, delegate, invoke], scopes: ['*'], tools: ['*'] }
    when:
      all:
        - { attribute: subject.status, equals: active }
        - { attribute: resource.is_assigned, equals: true }

  - id: people-have-what-their-role-allows
    description: A member of an organization may get, delegate and use what their role allows.
    effect: allow
    who: { users: ['*'] }
    what: { actions: [issue, delegate, invoke], scopes: ['*'], tools: ['*'] }
    when: { attribute: resource.is_allowed_by_role, equals: true }

  - id: clients-have-what-is-registered
    description: An application that speaks for itself may get the scopes that are registered for it.
    effect: allow
    who: { clients: ['*'] }
    what: { actions: [issue], scopes: ['*'] }
    when: { attribute: resource.is_assigned, equals: true }
...
`;
