using System.Globalization;
using OrleansLog.Tests.Processes;

namespace OrleansLog.Tests.Faults;

/// <summary>
/// A disk whose fsync takes its time: a library of the C library's name in front of it, which waits as long as a file says
/// before it passes the call on. Needs a C compiler.
/// </summary>
internal sealed class SlowSync
{
    private const string Source = """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <unistd.h>
        static void wait_as_told(void) {
            const char *path = getenv("SLOW_SYNC_FILE");
            FILE *file = path ? fopen(path, "r") : NULL;
            int ms = 0;
            if (!file) return;
            if (fscanf(file, "%d", &ms) != 1) ms = 0;
            fclose(file);
            if (ms > 0) usleep(ms * 1000);
        }
        int fdatasync(int fd) { wait_as_told(); return ((int (*)(int)) dlsym(RTLD_NEXT, "fdatasync"))(fd); }
        int fsync(int fd) { wait_as_told(); return ((int (*)(int)) dlsym(RTLD_NEXT, "fsync"))(fd); }
        """;

    private readonly string _directory;
    private readonly IReadOnlyDictionary<string, string> _library;

    private SlowSync(string directory, IReadOnlyDictionary<string, string> library) => (_directory, _library) = (directory, library);

    /// <summary>Builds the library; null without a compiler.</summary>
    public static SlowSync? TryBuild(TemporaryDirectory directory)
    {
        var source = directory["slowsync.c"];
        File.WriteAllText(source, Source);
        return CLibrary.TryBuild(source, directory["slowsync"]) is { } library ? new SlowSync(directory["slowsync"], library) : null;
    }

    /// <summary>What puts a node behind it.</summary>
    public IReadOnlyDictionary<string, string> EnvironmentOf(int node) =>
        new Dictionary<string, string>(_library) { ["SLOW_SYNC_FILE"] = FileOf(node) };

    /// <summary>Lets each fsync of a node take so many milliseconds more, from now on.</summary>
    public void Set(int node, int milliseconds)
    {
        var next = FileOf(node) + ".next";
        File.WriteAllText(next, milliseconds.ToString(CultureInfo.InvariantCulture));
        File.Move(next, FileOf(node), overwrite: true);
    }

    private string FileOf(int node) => Path.Combine(_directory, string.Create(CultureInfo.InvariantCulture, $"delay-{node}"));
}
