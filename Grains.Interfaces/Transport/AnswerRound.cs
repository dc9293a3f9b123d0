namespace OrleansLog.Grains.Interfaces.Transport;

/// <summary>
/// What completes the waits of several requests at once, on one thread: connections may keep the answers until it is over, and send those
/// of one client together.
/// </summary>
internal static class AnswerRound
{
    [ThreadStatic]
    private static List<Action>? t_sends;

    /// <summary>Whether this thread is in one.</summary>
    public static bool IsOpen => t_sends is not null;

    /// <summary>Runs what completes the waits; whatever was put off in it is sent then.</summary>
    public static void Run(Action complete)
    {
        if (IsOpen)
        {
            complete();
            return;
        }

        var sends = t_sends = [];
        try
        {
            complete();
        }
        finally
        {
            t_sends = null;
            foreach (var send in sends) send();
        }
    }

    /// <summary>Has something called when this thread's round is over. It must neither throw nor block.</summary>
    public static void PutOff(Action send) => t_sends!.Add(send);
}
