/**
 * deploy, undeploy, models: models of one's own.
 * @module
 */
import type { Command } from 'commander';
import { connectRemote, type RemoteOptions } from '../context.ts';
import { readBytes, readModelFile } from '../files.ts';
import { bytesText, print, printJson, table } from '../output.ts';
import { collect, remoteCommand } from '../program.ts';
import type { Terminal } from '../terminal.ts';

interface DeployOptions extends RemoteOptions {
  file: string[];
  requirements?: string;
  hyperparams?: string;
}

export function modelCommands(terminal: Terminal): Command[] {
  const deploy = remoteCommand('deploy', 'deploy a model; prints its URL', [
    'velum deploy fraud v1 --file model.json --requirements requirements',
    'velum deploy loan v2 --file model.json --file weights.h5 --json',
  ])
    .argument('<name>', 'model name: A-Z a-z 0-9 . _ -')
    .argument('<version>', 'model version, likewise')
    .requiredOption('--file <path>', 'model file; repeat for a model of several files', collect)
    .option('--requirements <path>', 'requirements file (JSON: batchSize, activation ...)')
    .option('--hyperparams <path>', 'hyperparams file (JSON: featureRanges ...)')
    .action(async (name: string, version: string, options: DeployOptions) => {
      const files = await Promise.all(options.file.map(readModelFile));
      const requirements = options.requirements && (await readBytes(options.requirements));
      const hyperparams = options.hyperparams && (await readBytes(options.hyperparams));
      const { velum } = await connectRemote(terminal, options);
      const { modelUrl, profile } = await velum.deploy({
        name,
        version,
        files,
        requirements: requirements || undefined,
        hyperparams: hyperparams || undefined,
      });
      if (options.json) {
        printJson(terminal, { model_url: modelUrl, profile_id: profile?.id });
        return;
      }
      print(terminal, modelUrl);
      if (profile === undefined) return;
      const { estimate, input, output } = profile;
      print(
        terminal,
        `${input.features} features -> ${output.values} value(s); per request ${bytesText(estimate.inputBytes)} up, ` +
          `${bytesText(estimate.resultBytes)} down; keys ${bytesText(estimate.publicKeyBytes + estimate.evaluationKeyBytes)} once`,
      );
    });

  const undeploy = remoteCommand('undeploy', "remove a model with every user's keys and data for it", [
    'velum undeploy fraud v1',
  ])
    .argument('<name>', 'model name')
    .argument('<version>', 'model version')
    .action(async (name: string, version: string, options: RemoteOptions) => {
      const { velum } = await connectRemote(terminal, options);
      await velum.undeploy(name, version);
      if (options.json) printJson(terminal, { undeployed: { name, version } });
      else print(terminal, `Undeployed ${name} ${version}.`);
    });

  const models = remoteCommand('models', 'list the models of the account', ['velum models']).action(
    async (options: RemoteOptions) => {
      const { velum } = await connectRemote(terminal, options);
      const list = await velum.models();
      if (options.json) {
        const rows = list.map((m) => ({
          name: m.name,
          version: m.version,
          model_url: m.modelUrl,
          created_at: m.createdAt,
        }));
        printJson(terminal, { models: rows });
      } else if (list.length === 0) {
        print(terminal, 'No models yet: velum deploy NAME VERSION --file model.json');
      } else {
        print(
          terminal,
          table(
            ['name', 'version', 'deployed', 'model url'],
            list.map((m) => [m.name, m.version, m.createdAt, m.modelUrl]),
          ),
        );
      }
    },
  );
  return [deploy, undeploy, models];
}
