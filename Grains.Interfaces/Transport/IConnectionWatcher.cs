using System.Net;

namespace OrleansLog.Grains.Interfaces.Transport;

/// <summary>Hears of the connections that this process opened with <see cref="LogTransport"/>. Must not block.</summary>
internal interface IConnectionWatcher
{
    /// <summary>A connection to this endpoint ended, for whatever reason, or could not be made.</summary>
    void NoteTrouble(EndPoint endpoint);
}
