namespace Mazij.Models;

/// <summary>
/// Told when the step reaches a group of parameters (the embedding, a layer, the head): the seam where a wrapper brings in
/// a layer's weights before they are used, or sends a layer's gradients off while the layers before it are still at work.
/// </summary>
internal interface IGroupListener
{
    /// <summary>The forward pass is about to use the group's weights.</summary>
    void BeforeForward(int group);

    /// <summary>The group's gradients of this step are complete.</summary>
    void GradientsComplete(int group);
}
