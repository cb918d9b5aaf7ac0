using FedSpine.Engine.Lora;

namespace FedSpine.Federated.Simulation;

/// <summary>
/// Calibration of a classifier's logits by a device's labels (FedLC, Zhang et al., ICML 2022; logit adjustment, Menon et al., ICLR 2021).
/// While a device tunes, log(its share of a label / the share over all devices) is added to that label's logit, so that what it learns is not
/// which labels it happens to hold. Adapters tuned on unlike labels otherwise pull the merged one apart, to the point of always
/// answering the same. The sum sits in the head's bias, which has the same gradient, and is taken out again before the adapter returns.
/// </summary>
internal static class LogitCalibration
{
    /// <summary>
    /// (C) what is added to each logit. One example of each label is added to both counts, that of the device in proportion to the
    /// labels' frequency over all, so that a label it lacks counts as rare and not as impossible.
    /// </summary>
    /// <param name="own">(C) the device's examples of each label.</param>
    /// <param name="all">(C) those of all devices; their sum is all that the coordinator needs to know.</param>
    public static float[] Shift(IReadOnlyList<int> own, IReadOnlyList<int> all)
    {
        double examples = all.Sum() + all.Count, ours = own.Sum() + 1;
        return [.. all.Select((count, label) =>
        {
            double share = (count + 1) / examples;
            return (float)Math.Log((own[label] + share) / ours / share);
        })];
    }

    /// <summary>The state with <paramref name="sign"/> times the shift added to the bias of the head's output.</summary>
    public static AdapterState Add(AdapterState state, string bias, float[] shift, int sign)
    {
        var head = state.Head.ToDictionary();
        head[bias] = [.. head[bias].Select((value, label) => value + sign * shift[label])];
        return state with { Head = head };
    }

    /// <summary>Bytes of counts on the wire, in each direction: an integer a label.</summary>
    public static long Bytes(IReadOnlyList<int> counts) => 4L * counts.Count;
}
