import { Global, Module } from '@nestjs/common';
import { Config } from '../config/config.js';
import { MachineSecrets } from './machine-secrets.js';
import { MasterKey } from './master-key.js';
import { PasswordHasher } from './password-hasher.js';

@Global()
@Module({
  providers: [
    { provide: MasterKey, useFactory: (config: Config) => MasterKey.load(config), inject: [Config] },
    { provide: MachineSecrets, useFactory: (masterKey: MasterKey) => new MachineSecrets(masterKey), inject: [MasterKey] },
    { provide: PasswordHasher, useFactory: () => new PasswordHasher() },
  ],
  exports: [MasterKey, MachineSecrets, PasswordHasher],
})
export class CryptoModule {}
