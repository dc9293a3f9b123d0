namespace OrleansLog.Engine.Storage;

/// <summary>Who appends through the leader; it decides what is checked.</summary>
public enum AppendOrigin
{
    /// <summary>A client: everything is checked.</summary>
    Client = 0,
    /// <summary>A coordinator of this node, which may write control batches and is not bound to sequence numbers.</summary>
    Coordinator = 1,
}
