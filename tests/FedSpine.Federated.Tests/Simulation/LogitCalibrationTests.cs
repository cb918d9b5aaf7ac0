using FedSpine.Engine.Lora;
using FedSpine.Federated.Simulation;

namespace FedSpine.Federated.Tests.Simulation;

public class LogitCalibrationTests
{
    [Theory]
    [InlineData(new[] { 30, 10 }, new[] { 40, 40 })]
    [InlineData(new[] { 0, 7, 1 }, new[] { 100, 9, 3 })]
    [InlineData(new[] { 0, 0 }, new[] { 5, 0 })]
    public void Odds_of_all_devices_become_those_of_the_device(int[] own, int[] all)
    {
        float[] shift = LogitCalibration.Shift(own, all);
        double examples = all.Sum() + all.Length;
        double[] shares = [.. all.Select((count, label) => (count + 1) / examples * Math.Exp(shift[label]))];
        // Softmax of log(share of all) + shift is the device's own distribution of labels: it adds up without being normalised.
        Assert.Equal(1, shares.Sum(), 1e-5);
        Assert.All(shares.Zip(own), s => Assert.InRange(s.First - (double)s.Second / (own.Sum() + 1), 0, 1.0 / (own.Sum() + 1)));
        Assert.All(shift, s => Assert.True(float.IsFinite(s)));
    }

    [Fact]
    public void A_device_like_all_others_is_left_alone_and_a_rare_label_is_lowered()
    {
        Assert.All(LogitCalibration.Shift([30, 10, 20], [300, 100, 200]), s => Assert.InRange(s, -0.01f, 0.01f));
        float[] shift = LogitCalibration.Shift([9, 1], [50, 50]);
        Assert.True(shift[0] > 0 && shift[1] < 0);
    }

    [Fact]
    public void What_is_added_is_taken_out_and_nothing_else_is_touched()
    {
        var head = new Dictionary<string, float[]> { ["w"] = [1, 2], ["b"] = [0.5f, -0.25f] };
        var state = new AdapterState([], head);
        var calibration = new LogitCalibration("b", [2, -1]);
        var there = calibration.Add(state);
        Assert.Equal([2.5f, -1.25f], there.Head["b"]);
        Assert.Equal([0.5f, -0.25f], state.Head["b"]);
        var back = calibration.Remove(there);
        Assert.Equal(head["b"], back.Head["b"]);
        Assert.Same(head["w"], back.Head["w"]);
        Assert.Equal(8, calibration.Bytes);
    }
}
