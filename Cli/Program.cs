using OrleansLog.Cli.Hosting;

using var signals = new TerminationSignals();
return await new CliApp(CliHost.ForProcess()).RunAsync(args, signals.Token).ConfigureAwait(false);
