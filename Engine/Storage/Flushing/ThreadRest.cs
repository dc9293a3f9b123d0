using System.Runtime.InteropServices;

namespace OrleansLog.Engine.Storage;

/// <summary>
/// Where one thread rests until another wakes it; a wake that comes before the rest ends that at once. On Linux by a futex of its own: a
/// monitor's wake has the thread run into the lock that the waker still holds, and so takes four system calls and two more changes of
/// threads.
/// </summary>
internal sealed unsafe partial class ThreadRest
{
    private const int WaitPrivate = 128, WakePrivate = 129;
    private static readonly nint s_futex = !OperatingSystem.IsLinux() ? 0 : RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.X64 => 202,
        Architecture.Arm64 => 98,
        _ => 0,
    };

    // Pinned, for the kernel.
    private readonly int[] _isWoken = GC.AllocateArray<int>(1, pinned: true);
    private readonly SemaphoreSlim? _elsewhere = s_futex == 0 ? new SemaphoreSlim(0) : null;

    private int* Word => (int*)Marshal.UnsafeAddrOfPinnedArrayElement(_isWoken, 0);

    /// <summary>Returns when the thread has been woken since the last rest.</summary>
    public void Wait()
    {
        while (Interlocked.Exchange(ref _isWoken[0], 0) == 0)
        {
            if (_elsewhere is not null) _elsewhere.Wait();
            // Interrupted, or woken in between: looked at again.
            else _ = SystemCall(s_futex, Word, WaitPrivate, 0, 0, 0, 0);
        }
    }

    /// <summary>The same, but for no longer than a number of microseconds; whether the thread was woken.</summary>
    public bool Wait(int microseconds)
    {
        if (Interlocked.Exchange(ref _isWoken[0], 0) != 0) return true;
        if (_elsewhere is not null)
        {
            _elsewhere.Wait(TimeSpan.FromMicroseconds(microseconds));
        }
        else
        {
            var limit = stackalloc nint[2];
            limit[0] = microseconds / 1_000_000;
            limit[1] = microseconds % 1_000_000 * (nint)1000;
            _ = SystemCall(s_futex, Word, WaitPrivate, 0, (nint)limit, 0, 0);
        }

        return Interlocked.Exchange(ref _isWoken[0], 0) != 0;
    }

    /// <summary>Ends the thread's rest, or the next one.</summary>
    public void Wake()
    {
        if (Interlocked.Exchange(ref _isWoken[0], 1) != 0) return;
        if (_elsewhere is not null) _elsewhere.Release();
        else _ = SystemCall(s_futex, Word, WakePrivate, 1, 0, 0, 0);
    }

    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial nint SystemCall(nint number, int* word, nint operation, nint value, nint timeout, nint word2, nint value3);
}
