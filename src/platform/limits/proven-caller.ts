/** Who makes a request, once it is proven: by a client's credentials or by an access token. */
export interface ProvenCaller {
  readonly kind: 'user' | 'agent' | 'client';
  /** Of the person, the agent or the client. */
  readonly id: string;
  /** The one whose requests these are; null for what belongs to the installation. */
  readonly organizationId: string | null;
}
