namespace OrleansLog.Cli.Hosting;

/// <summary>What the command tells the shell.</summary>
internal static class ExitCode
{
    /// <summary>Done.</summary>
    public const int Ok = 0;

    /// <summary>The operation failed.</summary>
    public const int Failed = 1;

    /// <summary>The command line is wrong; nothing was done.</summary>
    public const int Usage = 2;

    /// <summary>No silo could be reached.</summary>
    public const int Unreachable = 3;

    /// <summary>Stopped by Ctrl-C or SIGTERM, in good order.</summary>
    public const int Interrupted = 130;
}
