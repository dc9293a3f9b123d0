using System.Net.Sockets;

namespace OrleansLog.Grains.Interfaces.Transport.Direct;

/// <summary>
/// Takes connections that come in by a port of Orleans and begin with <see cref="DirectPreamble"/>: on them travels what would wake
/// too many threads as a message of Orleans.
/// </summary>
internal interface IDirectConnections
{
    /// <summary>This silo listens with <see cref="LogTransport"/>, so such connections can come here.</summary>
    void NoteListening();

    /// <summary>One has come; its preamble was read. The receiver owns the socket from now on. Must not block.</summary>
    void Accept(Socket socket);
}
