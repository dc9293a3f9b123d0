using System.Net.Sockets;

namespace OrleansLog.Grains.Interfaces.Transport.Direct;

/// <summary>
/// The first bytes of a direct connection. Orleans begins with a length of at most 1,024 as four bytes, the least first, so that these
/// cannot be mistaken for one of its.
/// </summary>
internal static class DirectPreamble
{
    /// <summary>How many bytes it has.</summary>
    public const int Length = 8;

    /// <summary>How many of them tell it from what Orleans sends.</summary>
    public const int TellingLength = 4;

    private static ReadOnlySpan<byte> Bytes => "OLOGdir1"u8;

    /// <summary>Sends it; the first thing that is sent.</summary>
    public static void Send(Socket socket) => socket.Send(Bytes);

    /// <summary>Whether what a connection begins with, at least <see cref="TellingLength"/> bytes, is it.</summary>
    public static bool IsBegunBy(ReadOnlySpan<byte> bytes)
    {
        var compared = Math.Min(bytes.Length, Length);
        return compared >= TellingLength && bytes[..compared].SequenceEqual(Bytes[..compared]);
    }
}
