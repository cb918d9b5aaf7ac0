using FedSpine.Engine.Lora;

namespace FedSpine.Federated.Simulation;

/// <summary>
/// Calibration of a classifier's logits by a device's labels (FedLC, Zhang et al., ICML 2022; logit adjustment, Menon et al., ICLR 2021).
/// While a device tunes, log(its share of a label / the share over all devices) is added to that label's logit, so that what it learns is not
/// which labels it happens to hold. Adapters tuned on unlike labels otherwise pull the merged one apart, to the point of always
/// answering the same. The sum sits in the bias of the head's output, which has the same gradient, and is taken out before the adapter returns.
/// </summary>
/// <param name="bias">Name of that bias in the adapter's head.</param>
/// <param name="shift">(C) what is added.</param>
internal sealed class LogitCalibration(string bias, float[] shift)
{
    /// <summary>The head with which the device tunes.</summary>
    public AdapterState Add(AdapterState state) => Shifted(state, 1);

    /// <summary>The head that it returns.</summary>
    public AdapterState Remove(AdapterState state) => Shifted(state, -1);

    /// <summary>Counts of labels on the wire, in each direction: an integer a label.</summary>
    public long Bytes => sizeof(int) * (long)shift.Length;

    /// <summary>
    /// (C) log(share of the device / share over all). One example more of each label is counted over all devices, and one in all, divided as
    /// those are, on the device: a label that it lacks is rare and not impossible.
    /// </summary>
    /// <param name="own">(C) the device's examples of each label.</param>
    /// <param name="all">(C) those of all devices: a sum, which is all that the coordinator needs to know.</param>
    public static float[] Shift(IReadOnlyList<int> own, IReadOnlyList<int> all)
    {
        double examples = all.Sum() + all.Count, ours = own.Sum() + 1;
        return [.. all.Select((count, label) =>
        {
            double share = (count + 1) / examples;
            return (float)Math.Log((own[label] + share) / ours / share);
        })];
    }

    private AdapterState Shifted(AdapterState state, int sign)
    {
        var head = state.Head.ToDictionary();
        head[bias] = [.. head[bias].Select((value, label) => value + sign * shift[label])];
        return state with { Head = head };
    }
}
