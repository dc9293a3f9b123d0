using System.Diagnostics;
using System.Globalization;
using OrleansLog.Tests.Processes;
using Xunit;

namespace OrleansLog.Tests.Proofs;

/// <summary>A place with little room for a silo's data, in which room can be made.</summary>
internal abstract class SmallDisk : IDisposable
{
    /// <summary>How the room is kept small, for the report.</summary>
    public abstract string Kind { get; }

    /// <summary>A word of the operating system's own about what went wrong.</summary>
    public abstract string Cause { get; }

    /// <summary>A silo whose data is there, started with the room as it is at present.</summary>
    public SiloSetup Setup { get; protected set; } = null!;

    /// <summary>Makes room: for a silo started later, at least.</summary>
    public abstract void MakeRoom();

    public abstract void Dispose();

    /// <summary>A file system of its own in memory, if this process may mount one; else a limit on the size of a file.</summary>
    public static SmallDisk Create() => MountedDisk.TryMount() ?? (SmallDisk)new FileSizeLimit();

    /// <summary>A small tmpfs with a file in it that can be deleted.</summary>
    private sealed class MountedDisk : SmallDisk
    {
        private const int Megabytes = 64;
        private const int BallastMegabytes = 40;

        private readonly TemporaryDirectory _directory;

        private MountedDisk(TemporaryDirectory directory)
        {
            _directory = directory;
            File.WriteAllBytes(directory["ballast"], new byte[BallastMegabytes * 1024 * 1024]);
            Setup = SiloSetup.In(directory["data"]);
        }

        public override string Kind => $"tmpfs of {Megabytes} MB";

        public override string Cause => "No space left on device";

        public static MountedDisk? TryMount()
        {
            var directory = new TemporaryDirectory();
            var size = string.Create(CultureInfo.InvariantCulture, $"size={Megabytes}m");
            if (Run("mount", "-t", "tmpfs", "-o", size, "orleanslog-test", directory.Path)) return new MountedDisk(directory);
            directory.Dispose();
            return null;
        }

        public override void MakeRoom() => File.Delete(_directory["ballast"]);

        public override void Dispose()
        {
            Assert.True(Run("umount", "--lazy", _directory.Path), $"{_directory.Path} stays mounted.");
            _directory.Dispose();
        }

        private static bool Run(string program, params string[] arguments)
        {
            try
            {
                var start = new ProcessStartInfo(program, arguments) { RedirectStandardError = true };
                using var process = Process.Start(start)!;
                process.StandardError.ReadToEnd();
                process.WaitForExit();
                return process.ExitCode == 0;
            }
            catch (System.ComponentModel.Win32Exception)
            {
                return false; // there is no such program
            }
        }
    }

    /// <summary>Anybody may limit the size of the files that a process of his writes; a write beyond it fails.</summary>
    internal sealed class FileSizeLimit : SmallDisk
    {
        private const int Megabytes = 24;

        private readonly TemporaryDirectory _directory = new();

        public FileSizeLimit()
        {
            // In blocks of 512 bytes. The signal that comes with it would end the process, if it were not ignored. The runtime
            // keeps code in a file in memory that is larger than that, unless it is told not to.
            Setup = SiloSetup.In(_directory["data"]) with
            {
                ShellPrefix = string.Create(CultureInfo.InvariantCulture, $"trap '' XFSZ; export DOTNET_EnableWriteXorExecute=0; ulimit -f {Megabytes * 2048}"),
            };
        }

        public override string Kind => $"limit of {Megabytes} MB for a file";

        public override string Cause => "File too large";

        public override void MakeRoom() => Setup = Setup with { ShellPrefix = null };

        public override void Dispose() => _directory.Dispose();
    }
}
