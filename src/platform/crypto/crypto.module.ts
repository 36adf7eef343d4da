import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Config } from '../config/config.js';
import { KeyRing } from './key-ring.service.js';
import { MachineSecrets } from './machine-secrets.js';
import { MasterKey } from './master-key.js';
import { PasswordHasher } from './password-hasher.js';
import { SigningKeyEntity } from './signing-key.entity.js';

@Global()
@Module({
  imports: [TypeOrmModule.forFeature([SigningKeyEntity])],
  providers: [
    { provide: MasterKey, useFactory: (config: Config) => MasterKey.load(config), inject: [Config] },
    { provide: MachineSecrets, useFactory: (masterKey: MasterKey) => new MachineSecrets(masterKey), inject: [MasterKey] },
    { provide: PasswordHasher, useFactory: () => new PasswordHasher() },
    KeyRing,
  ],
  exports: [MasterKey, MachineSecrets, PasswordHasher, KeyRing],
})
export class CryptoModule {}
