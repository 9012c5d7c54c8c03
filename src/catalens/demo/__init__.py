"""A shop that is drawn, not collected: products as small 3D models, photographed by a simulated, imperfect camera."""
