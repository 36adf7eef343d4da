import { DomainError } from '../../kernel/domain-error.js';

export const signalStreamNotFound = () =>
  new DomainError('not_found', 'signal_stream_not_found', 'There is no such stream.');

export const receiverRequired = () =>
  new DomainError('forbidden', 'receiver_required', 'A stream belongs to the client that receives it: make it with a token that the client got for itself.');

export const tooManySignalStreams = (most: number) =>
  new DomainError('conflict', 'too_many_signal_streams', `A client has at most ${most} streams; end one first.`);

export const tooManyStreamsOfOrganization = (most: number) =>
  new DomainError('conflict', 'too_many_streams_here', `An organization has at most ${most} streams; end one first.`);

export const endpointRefused = (objection: string) =>
  new DomainError('invalid', 'endpoint_refused', `Nothing is sent to this endpoint_url: it ${objection}.`);

export const endpointRequired = () =>
  new DomainError('invalid', 'endpoint_required', 'Events are pushed to an endpoint_url; say which.');

export const endpointNotYours = () =>
  new DomainError('invalid', 'endpoint_not_yours', 'Where events are polled is for the server to say: leave endpoint_url as it is, or out, and send no authorization_header.');

export const transmitterDecides = (member: string) =>
  new DomainError('invalid', 'transmitter_decides', `${member} is for the server to say: leave it as it is, or out.`);

export const streamNotPolled = () =>
  new DomainError('conflict', 'stream_not_polled', 'The events of this stream are pushed.');

export const signalStreamDisabled = () =>
  new DomainError('conflict', 'signal_stream_disabled', 'The stream is disabled; enable it first.');

export const verificationTooSoon = (seconds: number) =>
  new DomainError('throttled', 'verification_too_soon', `A stream can be verified every ${seconds} seconds.`, { retryAfterSeconds: seconds });

export const invalidSubject = () =>
  new DomainError('invalid', 'invalid_subject', 'This is no subject identifier (RFC 9493, Shared Signals 1.0 section 3): it has a format, and the members of that format, as texts of up to 512 characters.');

export const subjectNotRecognized = () =>
  new DomainError('not_found', 'subject_not_recognized', 'No event is about a subject like this: it is iss_sub or jwt_id of this issuer, or complex of user, application, session and tenant, each iss_sub or opaque.');

export const tooManySubjects = (most: number) =>
  new DomainError('forbidden', 'too_many_subjects', `Of a stream up to ${most} subjects are taken off one by one; put some back, or ask for fewer events_requested.`);

export const invalidSetErrors = () =>
  new DomainError('invalid', 'invalid_set_errors', 'In setErrs each jti has an object with `err`, a code of up to 64 characters, and at most a `description`; up to 1000 of them.');
