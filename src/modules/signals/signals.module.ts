import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { SignalPoll } from './signal-poll.service.js';
import { SignalPush } from './signal-push.service.js';
import { SignalQueue } from './signal-queue.service.js';
import { SignalReader } from './signal-reader.service.js';
import { SignalRefusals } from './signal-refusals.service.js';
import { SignalStream } from './signal-stream.entity.js';
import { SignalStreams } from './signal-streams.service.js';
import { SignalSubjects } from './signal-subjects.service.js';
import { SignalTransmitter } from './signal-transmitter.service.js';
import { SignalUpkeep } from './signal-upkeep.service.js';
import { SignalsController } from './signals.controller.js';

/** Shared Signals: those who accept our tokens are told that they ended. */
@Module({
  imports: [TypeOrmModule.forFeature([SignalStream])],
  controllers: [SignalsController],
  providers: [SignalStreams, SignalSubjects, SignalQueue, SignalReader, SignalPush, SignalPoll, SignalRefusals, SignalTransmitter, SignalUpkeep],
  exports: [SignalQueue],
})
export class SignalsModule {}
